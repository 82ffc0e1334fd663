import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { modulesOf } from "#apps/server/targets.ts";
import { videoPublished } from "#contracts/events.ts";
import { concernedBy, everyFeed, feedEvents } from "#contracts/feed-changes.ts";
import { FeedService } from "#contracts/gen/feed_pb.ts";
import { InteractionService, Reaction } from "#contracts/gen/interaction_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { syntheticUserBase } from "#contracts/synthetic-graph.ts";
import { requestRebuild } from "#platform/jobs/rebuild.ts";
import { withNats } from "#platform/testing/private-nats.ts";
import fc from "#platform/testing/property.ts";
import { shapes } from "./harness/deployment.ts";
import { type InProcess, startModules } from "./harness/in-process.ts";

/** So small that six people cross them in both directions all the time. */
const pullFollowers = 3;
const maxSources = 2;
const users = Array.from({ length: 6 }, (_, i) => String(BigInt(syntheticUserBase) + BigInt(i + 1)));
/** The modules in one database, or two in databases of their own with and without NATS between them. */
const layouts = shapes.includes("cluster")
  ? ["in a cluster"]
  : ["in one database", "in three databases", "in three databases, with NATS"];
let layout: string;
/** Each act waits for consumers in other databases or processes there. */
const rounds = (many: number) => (layout === "in one database" ? many : 2);
const dayAgoHours = 25;
const idleHours = 24 * 31;

let modules: InProcess;
let lastVideo = 0;
let publishedMs = Date.now() - 1_000_000;

/** The facts, as a naive reader of this file would store them. */
interface Facts {
  /** The people each follows, newest first. */
  followed: Map<string, string[]>;
  blocks: Set<string>;
  videos: { id: string; authorId: string; publishedAtMs: number }[];
  likes: Set<string>;
  comments: Set<string>;
}
let facts: Facts;

async function start(natsUrl?: string): Promise<void> {
  modules = await startModules(
    "user,relation,video,interaction,feed",
    { feedPullFollowers: pullFollowers, feedMaxSources: maxSources },
    { modules: layout.startsWith("in three databases") ? ["interaction", "feed"] : [], natsUrl },
  );
  const [user] = modulesOf("user");
  const graph = { users: users.length, follows: 0, videos: 0, newestMs: 0, passwordHash: "", clipIds: [] };
  await user!.module.seed!(modules.databaseOf("user").of("user"), graph, () => {});
}

/** A statement on the tables of one module. */
async function query(module: string, text: string, values: unknown[] = []) {
  return modules.databaseOf(module).pool.query(text, values);
}

async function empty() {
  await modules.settled();
  await query(
    "relation",
    `truncate relation.follow, relation.stats, relation.block, relation.hot_follow, relation.hot_user, video.video,
       video.author_stats, events.log`,
  );
  await query(
    "interaction",
    "truncate interaction.video, interaction.person, interaction.reaction, interaction.comment, events.log",
  );
  await query(
    "feed",
    "truncate feed.author_video, feed.author, feed.inbox, feed.reader, feed.source, events.log",
  );
  facts = {
    followed: new Map(users.map((user) => [user, []])),
    blocks: new Set(),
    videos: [],
    likes: new Set(),
    comments: new Set(),
  };
}

const followedBy = (user: string) => facts.followed.get(user)!;
const stopFollowing = (user: string, author: string) =>
  facts.followed.set(
    user,
    followedBy(user).filter((one) => one !== author),
  );
const at = <T>(list: T[], place: number): T | undefined => list[place % list.length];

type Act =
  | { what: "follow" | "unfollow" | "block" | "unblock"; user: string; other: string }
  | { what: "publish" | "read" | "day" | "idle"; user: string }
  | { what: "delete"; place: number }
  | { what: "damage"; place: number }
  | { what: "like" | "unlike" | "comment"; user: string; place: number };

/** Applies it to the system and to the facts. In a burst the order is unknown, so facts are read afterwards. */
async function act(one: Act): Promise<void> {
  const relation = modules.client(RelationService);
  if (one.what === "follow" || one.what === "unfollow") {
    if (one.user === one.other) return;
    const refused = await relation[one.what]({ userId: one.other }, modules.as(one.user)).then(
      () => false,
      (error) => {
        if (["USER_BLOCKED", "BLOCKED_BY_USER"].includes(error.reason)) return true;
        throw error;
      },
    );
    if (refused) return;
    const others = followedBy(one.user);
    if (one.what === "unfollow") stopFollowing(one.user, one.other);
    else if (!others.includes(one.other)) facts.followed.set(one.user, [one.other, ...others]);
  } else if (one.what === "block" || one.what === "unblock") {
    if (one.user === one.other) return;
    await relation[one.what]({ userId: one.other }, modules.as(one.user));
    if (one.what === "block") {
      stopFollowing(one.user, one.other);
      stopFollowing(one.other, one.user);
    }
  } else if (one.what === "publish") await publish(one.user);
  else if (one.what === "delete") {
    const video = at(facts.videos, one.place);
    if (!video) return;
    facts.videos = facts.videos.filter((other) => other !== video);
    await modules.client(VideoService).deleteVideo({ id: video.id }, modules.as(video.authorId));
  } else if (one.what === "like" || one.what === "unlike" || one.what === "comment") {
    const video = at(facts.videos, one.place);
    if (!video) return;
    await interact(one.what, one.user, video.id);
  } else if (one.what === "read") await feedOf(one.user);
  else if (one.what === "damage") await damage(one.place);
  else {
    const hours = one.what === "day" ? dayAgoHours : idleHours;
    await query(
      "feed",
      "update feed.reader set last_read_at = least(last_read_at, now() - $2 * interval '1 hour') where user_id = $1",
      [one.user, hours],
    );
  }
}

/** Damage that only a rebuild can repair. */
async function damage(place: number): Promise<void> {
  const ways = [
    "delete from feed.author_video where video_id % 2 = 0",
    "delete from feed.inbox where video_id % 2 = 1",
    "delete from feed.author",
    `insert into feed.author_video select author_id, published_ms, video_id + 1000000, true from feed.author_video
       on conflict do nothing`,
    "insert into feed.inbox select user_id, published_ms, video_id + 1000000, author_id from feed.inbox on conflict do nothing",
    "update feed.author_video set published_ms = published_ms + 1",
  ];
  await query("feed", at(ways, place)!);
}

/** The last step of the pipeline. */
async function publish(authorId: string): Promise<void> {
  const db = modules.databaseOf("video").of<object>("video");
  // Two of three share a millisecond.
  if (++lastVideo % 3 === 0) publishedMs++;
  const video = {
    id: String(8_000_000_000_000_000_000n + BigInt(lastVideo)),
    authorId,
    publishedAtMs: publishedMs,
  };
  await modules.events.of<object>("video").transaction(db, async (on, emit) => {
    await sql`
      insert into video.video (id, author_id, upload_id, title, state, source_key, duration_ms, width, height,
        size_bytes, info, published_ms)
      values (${video.id}, ${authorId}, ${video.id}, '', 'published', '', 1, 1, 1, 1, '{}', ${video.publishedAtMs})`.execute(
      on,
    );
    emit(videoPublished, { videoId: video.id, authorId, publishedAtMs: video.publishedAtMs });
  });
  facts.videos.push(video);
}

async function interact(what: "like" | "unlike" | "comment", user: string, videoId: string): Promise<void> {
  const interaction = modules.client(InteractionService);
  const call = modules.as(user);
  const reaction = { videoId, reaction: Reaction.LIKE };
  try {
    if (what === "comment") await interaction.addComment({ videoId, text: "hello" }, call);
    else if (what === "like") await interaction.react(reaction, call);
    else await interaction.withdraw(reaction, call);
  } catch (error) {
    // Deleted at the same time, or blocked by its author.
    if (["VIDEO_NOT_FOUND", "BLOCKED_BY_USER"].includes((error as { reason: string }).reason)) return;
    throw error;
  }
  if (what === "comment") facts.comments.add(`${user} ${videoId}`);
  else if (what === "like") facts.likes.add(`${user} ${videoId}`);
  else facts.likes.delete(`${user} ${videoId}`);
}

/** The whole following feed, read page by page. */
async function feedOf(user: string, limit = 3, between = async () => {}): Promise<string[]> {
  const feed = modules.client(FeedService);
  const found: string[] = [];
  let before: { publishedAtMs: number; videoId: string } | undefined;
  do {
    const page = await feed.getFollowingFeed({ ...(before && { before }), limit }, modules.as(user));
    found.push(...page.videoIds);
    before = page.next;
    await between();
  } while (before);
  return found;
}

/**
 * Which videos were delivered, and which are pulled: decided once for each by the number of followers at that time.
 */
async function pushedVideos(): Promise<Set<string>> {
  const { rows } = await query("feed", "select video_id from feed.author_video where pushed");
  return new Set(rows.map((row) => row.video_id));
}

/**
 * The definition (docs/adr/0009): the videos of followed people, newest first. A person who follows more than
 * `maxSources` sees, of the delivered ones, those of chosen authors only: the authors whose videos they like or have
 * commented on, and of the others the last followed.
 */
function definition(user: string, pushed: Set<string>): string[] {
  const followed = followedBy(user);
  const interests = new Set(
    facts.videos
      .filter(({ id }) => facts.likes.has(`${user} ${id}`) || facts.comments.has(`${user} ${id}`))
      .map(({ authorId }) => authorId),
  );
  const chosen = followed.filter((author) => interests.has(author));
  for (const author of followed)
    if (!chosen.includes(author) && chosen.length < maxSources) chosen.push(author);
  const sources = followed.length > maxSources ? chosen : followed;
  return facts.videos
    .filter(
      ({ id, authorId }) => followed.includes(authorId) && (!pushed.has(id) || sources.includes(authorId)),
    )
    .sort((a, b) => b.publishedAtMs - a.publishedAtMs || (BigInt(a.id) < BigInt(b.id) ? 1 : -1))
    .map(({ id }) => id);
}

/** A day later, when sources of capped readers are chosen again, everybody's feed equals the definition. */
async function everybodyAgrees(): Promise<void> {
  await modules.settled();
  const pushed = await pushedVideos();
  for (const user of users) {
    await act({ what: "day", user });
    expect({ user, feed: await feedOf(user) }).toEqual({ user, feed: definition(user, pushed) });
  }
}

const user = fc.constantFrom(...users);
const place = fc.nat(1000);
const pair = (...what: ("follow" | "unfollow" | "block" | "unblock")[]) =>
  fc.record({ what: fc.constantFrom(...what), user, other: user });
const steadyActs = [
  { weight: 10, arbitrary: pair("follow") },
  { weight: 3, arbitrary: pair("unfollow") },
  { weight: 1, arbitrary: pair("block", "unblock") },
  { weight: 8, arbitrary: fc.record({ what: fc.constant("publish" as const), user }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("delete" as const), place }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constantFrom("like" as const, "unlike", "comment"), user, place }),
  },
];
const steadyAct: fc.Arbitrary<Act> = fc.oneof(...steadyActs);
const anyAct: fc.Arbitrary<Act> = fc.oneof(...steadyActs, {
  weight: 5,
  arbitrary: fc.record({ what: fc.constantFrom("read" as const, "read", "day", "idle"), user }),
});

/** In sequence, or all at once: then the system decides the order. */
async function burst(acts: Act[]): Promise<void> {
  await Promise.all(acts.map(act));
}

/** After a burst the facts are what the system of record says. */
async function readFacts(): Promise<void> {
  const { rows } = await query(
    "relation",
    `select follower_id, array_agg(followee_id order by id desc) as followed from relation.follow group by 1`,
  );
  const followed = new Map<string, string[]>(rows.map((row) => [row.follower_id, row.followed]));
  facts.followed = new Map(users.map((one) => [one, followed.get(one) ?? []]));
  const opinions = await query(
    "interaction",
    "select user_id, video_id from interaction.reaction where reaction = 1",
  );
  facts.likes = new Set(opinions.rows.map((row) => `${row.user_id} ${row.video_id}`));
}

describe.each(layouts)("%s", (name) => {
  const nats = name.endsWith("NATS") ? withNats() : undefined;
  beforeAll(async () => {
    // Without a nats-server these tests are skipped.
    if (nats && !nats()) return;
    layout = name;
    await start(nats?.().url);
  });
  afterAll(async () => {
    if (layout === name) await modules.close();
  });
  beforeEach(empty);

  describe("the following feed equals its definition", () => {
    test("whatever happens, one after the other", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyAct, { minLength: 20, maxLength: 60 }), async (acts) => {
          await empty();
          for (const one of acts) {
            await act(one);
            // Deliveries go to the followers at the time of delivery.
            await modules.settled();
          }
          await everybodyAgrees();
        }),
        { numRuns: rounds(10) },
      );
    });

    test("whatever happens at once", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(anyAct, { minLength: 5, maxLength: 30 }), { minLength: 1, maxLength: 3 }),
          async (bursts) => {
            await empty();
            for (const acts of bursts) {
              await burst(acts);
              await readFacts();
            }
            await everybodyAgrees();
          },
        ),
        { numRuns: rounds(12) },
      );
    });

    test("and a cache of it is told of every change", async () => {
      const changesSince = async (cursor: string) => {
        const changes = await modules.events.of("feed").changesSince(feedEvents, cursor);
        const ids = changes.events?.map(concernedBy);
        return {
          cursor: changes.cursor,
          concerns: (id: string) =>
            !ids || ids.includes(undefined) || [id, everyFeed].some((one) => ids.flat().includes(one)),
        };
      };
      await fc.assert(
        fc.asyncProperty(fc.array(steadyAct, { minLength: 10, maxLength: 25 }), async (acts) => {
          await empty();
          const kept = new Map<string, string>();
          let { cursor } = await changesSince("");
          /** First asks for changes, then reads, like the cache of pages. */
          const lookAgain = async (after: string) => {
            const changes = await changesSince(cursor);
            cursor = changes.cursor;
            for (const user of users) {
              const shown = String(await feedOf(user, 50));
              if (shown !== (kept.get(user) ?? "")) expect(changes.concerns(user), after).toBe(true);
              kept.set(user, shown);
            }
          };
          for (const one of acts) {
            await act(one);
            await lookAgain(JSON.stringify(one));
            await modules.settled();
            await lookAgain(`${JSON.stringify(one)}, settled`);
          }
        }),
        { numRuns: rounds(5) },
      );
    });

    test("rebuilt after damage, while everything goes on", async () => {
      const damaged = fc.record({ what: fc.constant("damage" as const), place });
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyAct, { minLength: 20, maxLength: 40 }),
          fc.array(damaged, { minLength: 1, maxLength: 3 }),
          fc.array(anyAct, { minLength: 1, maxLength: 15 }),
          async (before, damages, meanwhile) => {
            await empty();
            await burst(before);
            await modules.settled();
            for (const one of damages) await act(one);
            await requestRebuild(modules.databaseOf("feed").pool, "feed", "inboxes");
            await burst(meanwhile);
            await readFacts();
            await everybodyAgrees();
          },
        ),
        { numRuns: rounds(8) },
      );
    });
  });

  describe("a reader who follows very many", () => {
    test("gets videos at once from newly followed and interacting authors, and none from others", async () => {
      const [reader, ...authors] = users as [string, string, string, string, string, string];
      const settle = async (one: Act) => {
        await act(one);
        await modules.settled();
      };
      const authorsSeen = async () => {
        const seen = await feedOf(reader);
        expect(new Set(seen).size).toBe(seen.length);
        const by = new Map(facts.videos.map((video) => [video.id, video.authorId]));
        return seen.map((id) => authors.indexOf(by.get(id)!)).sort();
      };
      const chosen = async () => {
        const { rows } = await query(
          "feed",
          "select capped, stale, generation from feed.reader where user_id = $1",
          [reader],
        );
        return rows[0];
      };
      for (const author of authors) {
        await act({ what: "follow", user: reader, other: author });
        await settle({ what: "publish", user: author });
      }
      // The two followed last.
      expect(await authorsSeen()).toEqual([3, 4]);
      const before = await chosen();
      expect(before).toMatchObject({ capped: true, stale: false });
      for (const author of authors.slice(2)) await settle({ what: "publish", user: author });
      expect(await authorsSeen()).toEqual([3, 3, 4, 4]);
      await settle({ what: "like", user: reader, place: 0 });
      expect(await authorsSeen()).toEqual([0, 3, 3, 4, 4]);
      await settle({ what: "publish", user: authors[0] });
      await settle({ what: "comment", user: reader, place: 1 });
      // A like of others means nothing to them.
      await settle({ what: "like", user: authors[3], place: 2 });
      expect(await authorsSeen()).toEqual([0, 0, 1, 3, 3, 4, 4]);
      await settle({ what: "unfollow", user: reader, other: authors[3] });
      expect(await authorsSeen()).toEqual([0, 0, 1, 4, 4]);
      await settle({ what: "follow", user: reader, other: authors[3] });
      await settle({ what: "publish", user: authors[3] });
      expect(await authorsSeen()).toEqual([0, 0, 1, 3, 3, 3, 4, 4]);
      // All of this without filling the inbox again.
      expect(await chosen()).toEqual(before);
      // A day later sources are chosen again, as many interactions as fit.
      await act({ what: "day", user: reader });
      expect(await authorsSeen()).toEqual([0, 0, 1]);
      for (const author of authors.slice(2)) await settle({ what: "unfollow", user: reader, other: author });
      await everybodyAgrees();
      expect(await chosen()).toMatchObject({ capped: false });
    });
  });

  describe("paging", () => {
    const prepared = fc.array(anyAct, { minLength: 30, maxLength: 50 });

    test("neither repeats nor skips while others publish", async () => {
      await fc.assert(
        fc.asyncProperty(prepared, user, fc.integer({ min: 1, max: 4 }), async (acts, reader, limit) => {
          await empty();
          for (const author of users) await act({ what: "follow", user: reader, other: author });
          await burst(acts);
          await readFacts();
          await modules.settled();
          await act({ what: "day", user: reader });
          const expected = definition(reader, await pushedVideos());
          const seen = await feedOf(reader, limit, async () => {
            await publish(at(users, lastVideo)!);
            await modules.settled();
          });
          expect(seen.filter((id) => expected.includes(id))).toEqual(expected);
          expect(new Set(seen).size).toBe(seen.length);
        }),
        { numRuns: rounds(8) },
      );
    });

    test("the classic feed repeats nothing, shows nothing but what is published, and ends", async () => {
      await fc.assert(
        fc.asyncProperty(prepared, user, fc.integer({ min: 3, max: 8 }), async (acts, reader, limit) => {
          await empty();
          await burst(acts);
          await readFacts();
          await modules.settled();
          await act({ what: "day", user: reader });
          const feed = modules.client(FeedService);
          const seen: string[] = [];
          for (let beforeMs = 0; ; ) {
            const page = await feed.getClassicFeed({ beforeMs, limit }, modules.as(reader));
            if (page.videoIds.length === 0) break;
            seen.push(...page.videoIds);
            expect(beforeMs === 0 || page.lastMs < beforeMs).toBe(true);
            beforeMs = page.lastMs;
          }
          expect(new Set(seen).size).toBe(seen.length);
          const published = facts.videos.map(({ id }) => id);
          for (const id of seen) expect(published).toContain(id);
          // Nobody's feed is empty while there are videos, and followed authors are never skipped.
          for (const id of definition(reader, await pushedVideos())) expect(seen).toContain(id);
          if (published.length > 0) expect(seen.length).toBeGreaterThan(0);
        }),
        { numRuns: rounds(8) },
      );
    });
  });
});
