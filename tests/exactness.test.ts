import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  commentDeleted,
  commented,
  messageSent,
  reacted,
  relationFollowed,
  relationUnfollowed,
} from "#contracts/events.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { createLog } from "#platform/observe/log.ts";
import { type PrivateNats, startPrivateNats } from "#platform/testing/nats-server.ts";
import { startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { classicClient, videosOf } from "./harness/classic-client.ts";
import { type ClusterDeployment, deployCluster } from "./harness/cluster.ts";
import { crowd, marks, registerMany, type Written } from "./harness/crowd.ts";
import { type Deployment, deploy, shapes } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** `npm run test:exactness` has a larger crowd, which goes on for longer. */
const long = process.env.EXACTNESS === "long";
const inhabitants = long ? 200 : 100;
/** After each kill in a cluster, all of it is waited for. */
const [actions, kills] = shapes.includes("cluster") ? [2_000, 4] : long ? [20_000, 24] : [2_000, 6];
const crowdMs = long ? 300_000 : 45_000;
const layouts = shapes.includes("cluster") ? (["cluster", "apart"] as const) : shapes;
/** In the layout "apart", interaction and feed have databases on a server of their own, and NATS is between them. */
const apart = ["interaction", "feed"];
const allFollows = "select follower_id || ' ' || followee_id as pair from relation.follow";

/**
 * Hundreds of people act at once while processes and the database are killed. In the end the facts are what was
 * acknowledged, every count equals its facts, and every read model follows from them.
 */
describe.each(layouts)("a crowd and kill -9, %s", (shape) => {
  const random = randomOf(testSeed(`exactness, ${shape}`));
  interface Server {
    url: string;
    kill(): Promise<void>;
    restart(): Promise<void>;
    remove?(): Promise<void>;
  }
  let database: Server;
  let second: Server | undefined;
  let nats: PrivateNats | undefined;
  let deployment: Deployment;
  let cluster: ClusterDeployment | undefined;
  /** By module; the main one is that of all others. */
  const connections = new Map<string, Database>();
  let people: Person[];
  let authors: Person[];
  let those: ReturnType<typeof crowd>;
  const server = scenarioOf(() => deployment);
  const classic = classicClient(() => deployment.origin);

  beforeAll(async () => {
    // Some authors are large, some are not, some change.
    const env = { DOUYA_FEED_PULL_FOLLOWERS: "15" };
    if (shape === "cluster") {
      const all = await deployCluster({ env });
      deployment = cluster = all;
      // Its replica takes over by itself.
      const kill = () => all.kill("postgres-primary");
      database = { url: all.databaseUrl, kill, restart: all.whole };
      connect("main", all.databaseUrl);
    } else if (shape === "apart") {
      [database, second, nats] = await Promise.all([
        startPrivatePostgres(),
        startPrivatePostgres(),
        startPrivateNats(1, ""),
      ]);
      const { url } = second;
      const ownUrls = Object.fromEntries(
        apart.map((module) => [module, url.replace("@/douya?", `@/${module}?`)]),
      );
      for (const module of apart) await queryOnce(url, `create database ${module}`);
      deployment = await deploy("split", {
        databaseUrl: database.url,
        ownDatabases: ownUrls,
        env: { ...env, DOUYA_NATS_URL: nats.url },
      });
      connect("main", database.url);
      for (const module of apart) connect(module, ownUrls[module]!);
    } else {
      database = await startPrivatePostgres();
      deployment = await deploy(shape, { databaseUrl: database.url, env });
      connect("main", database.url);
    }
    people = await registerMany(server, inhabitants);
    authors = people.slice(0, 6);
    those = crowd(people, classic, random);
    await Promise.all(authors.map((author) => those.publish(author)));
    // A reader has an inbox, to which videos are delivered.
    await Promise.all(people.map((person) => person.get("/feed/following")));
  });
  afterAll(async () => {
    await Promise.all([...connections.values()].map((connection) => connection.close()));
    await deployment?.remove();
    await Promise.all([database, second, nats].map((server) => server?.remove?.()));
  });

  function connect(module: string, url: string): void {
    connections.set(module, openDatabase(url, { log: createLog("silent") }));
  }
  /** Of a statement on the tables of one module. */
  const rows = async <T>(sql: string): Promise<T[]> => {
    const module = /\bfrom (\w+)\./.exec(sql)![1]!;
    return (await (connections.get(module) ?? connections.get("main")!).pool.query(sql)).rows;
  };
  /** Of a statement on the log, which each database has. */
  const everywhere = async <T>(sql: string): Promise<T[]> =>
    (await Promise.all([...connections.values()].map(({ pool }) => pool.query(sql)))).flatMap(
      ({ rows }) => rows,
    );

  async function killSomething(): Promise<void> {
    const modules = shape === "all" ? ["gateway"] : ["user", "video", "relation", "gateway"];
    const engines = cluster ? ["etcd-1", "nats-1", "redis", "haproxy"] : [];
    const others = shape === "apart" ? ["second database", "nats"] : [];
    const victims = [...modules, ...engines, ...others, "database", "everything"];
    const victim = random.of(victims);
    const killed = victim === "everything" ? modules : modules.filter((module) => module === victim);
    await Promise.all([
      ...killed.map((module) => deployment.programOf(module).kill()),
      ...(cluster && engines.includes(victim) ? [cluster.kill(victim)] : []),
      ...(victim === "database" || victim === "everything" ? [database.kill()] : []),
      ...(victim === "second database" || victim === "everything" ? [second?.kill()] : []),
      ...(victim === "nats" ? [nats?.kill()] : []),
    ]);
    if (victim === "database" || victim === "everything") await database.restart();
    if (victim === "second database" || victim === "everything") await second?.restart();
    if (victim === "nats") await nats?.restart();
    await Promise.all(killed.map((module) => deployment.restart(module)));
  }

  test("nothing that was acknowledged is lost, and nothing is there twice", async () => {
    const { memory } = those;
    let killed = 0;
    let stopped = false;
    // On a slow machine the crowd does less, not longer; every kill happens all the same.
    const enoughAtMs = performance.now() + crowdMs;
    const enough = () => memory.acknowledged >= actions || performance.now() > enoughAtMs;
    // Then it makes room for what is started again, and the kills that are left come soon.
    const restMs = () => (enough() ? 500 : 0);
    const acting = those.act(() => !stopped && (killed < kills || !enough()), restMs);
    const killing = (async () => {
      while (killed < kills) {
        const after = memory.acknowledged + (random.next() * actions) / kills;
        const atTheLatestMs = performance.now() + (enough() ? random.next() * 2_000 : crowdMs / kills);
        await until(
          "the next moment to kill",
          () => stopped || memory.acknowledged >= after || performance.now() > atTheLatestMs,
        );
        if (stopped) return;
        await killSomething();
        killed++;
        // Videos are added and removed in between.
        if (killed === 2) await Promise.all(authors.slice(2).map((author) => those.publish(author)));
        if (killed === 4) await those.unpublish(authors[0]!);
      }
    })();
    await Promise.all([acting, killing]).finally(() => {
      stopped = true;
    });
    // A cluster may answer everything.
    if (!cluster) expect(memory.unanswered).toBeGreaterThan(0);
    expect(memory.stale).toEqual([]);

    await until("all events to be handled", async () => {
      const groups = await readAllLag([...connections.values()].map(({ pool }) => pool));
      if (groups.length === 0 || groups.some(({ records }) => records > 0)) return false;
      // Those of a killed process wait for the end of its lease.
      const jobs = ["select from feed.job", "select from relation.job"].map((all) => rows(all));
      return (await Promise.all(jobs)).every((left) => left.length === 0);
    });
    const gone = (videoId: string) => memory.videos.get(videoId)!.gone.has(true);
    const follows = await pairs(allFollows);
    const blocks = await pairs("select blocker_id || ' ' || blocked_id as pair from relation.block");
    const unlike: string[] = [];
    for (const [pair, possible] of memory.blocks)
      if (!possible.has(blocks.has(pair))) unlike.push(`block ${pair}: ${[...possible]}`);
    for (const pair of blocks) {
      const [one, other] = pair.split(" ");
      for (const follow of [pair, `${other} ${one}`])
        if (follows.has(follow)) unlike.push(`follow ${follow} across a block`);
    }
    for (const [pair, possible] of memory.follows)
      if (!possible.has(follows.has(pair)) && !memory.contested.has(pair))
        unlike.push(`follow ${pair}: ${[...possible]}`);
    for (const pair of follows) if (!memory.follows.has(pair)) unlike.push(`follow ${pair} out of nothing`);

    const reactions = new Map(
      (
        await rows<{ key: string; reaction: number }>(
          "select video_id || ' ' || user_id as key, reaction from interaction.reaction",
        )
      ).map(({ key, reaction }) => [key, reaction]),
    );
    for (const [key, possible] of memory.reactions) {
      const found = reactions.get(key) ?? 0;
      if (!(gone(key.split(" ")[0]!) ? found === 0 : possible.has(found)))
        unlike.push(`reaction ${key}: ${found} of ${[...possible]}`);
    }
    for (const mark of marks) {
      const found = await pairs(
        `select distinct '${mark} ' || video_id || ' ' || user_id as pair from interaction.${mark}`,
      );
      for (const [key, possible] of memory.marks)
        if (
          key.startsWith(mark) &&
          !(gone(key.split(" ")[1]!) ? !found.has(key) : possible.has(found.has(key)))
        )
          unlike.push(`${key}: ${[...possible]}`);
      for (const key of found) if (!memory.marks.has(key)) unlike.push(`${key} out of nothing`);
    }
    expect(unlike).toEqual([]);

    const comments = await rows<{ id: string; text: string }>("select id, text from interaction.comment");
    const takenBack = new Set(memory.comments.filter(({ gone }) => gone.has(true)).map(({ id }) => id));
    expect(
      differences(
        memory.comments.filter(({ to }) => !gone(to)),
        comments,
        ({ id, rootId }) => takenBack.has(id) || (rootId !== null && takenBack.has(rootId)),
      ),
    ).toEqual([]);
    const messages = await rows<{ id: string; text: string }>(
      "select id, content as text from message.message",
    );
    expect(differences(memory.messages, messages, () => false)).toEqual([]);
  });

  test("every event is in the log once, in order, and all were handled", async () => {
    const log = await everywhere<{ type: string; key: string; payload: Buffer }>(
      "select type, key, payload from events.log order by position",
    );
    const follows = new Map<string, boolean>();
    const reactions = new Map<string, number>();
    const comments = new Set<string>();
    const commentsOf = new Map<string, number>();
    let messages = 0;
    for (const { type, key, payload } of log) {
      if (type === relationFollowed.name || type === relationUnfollowed.name) {
        const followed = type === relationFollowed.name;
        expect(follows.get(key) ?? false, `${type} ${key}`).toBe(!followed);
        follows.set(key, followed);
      } else if (type === reacted.name) {
        const event = fromBinary(reacted.schema, payload);
        expect(reactions.get(key) ?? 0, `${type} ${key}`).toBe(event.was);
        reactions.set(key, event.now);
      } else if (type === commented.name) {
        const { commentId, videoId } = fromBinary(commented.schema, payload);
        expect(comments.has(commentId), commentId).toBe(false);
        comments.add(commentId);
        commentsOf.set(videoId, (commentsOf.get(videoId) ?? 0) + 1);
      } else if (type === commentDeleted.name) {
        const event = fromBinary(commentDeleted.schema, payload);
        expect(comments.delete(event.commentId), event.commentId).toBe(true);
        commentsOf.set(event.videoId, commentsOf.get(event.videoId)! - 1 - event.replies);
      } else if (type === messageSent.name) messages++;
    }
    const facts = await pairs(allFollows);
    expect(new Set([...follows].filter(([, followed]) => followed).map(([pair]) => pair))).toEqual(facts);
    const [[stored], dead, live, commentsLeft] = await Promise.all([
      rows<{ n: number }>("select count(*)::int as n from message.message"),
      everywhere("select from events.dead"),
      rows<{ key: string; reaction: number }>(
        "select video_id || ' ' || user_id as key, reaction from interaction.reaction",
      ),
      tally("select video_id as id, count(*)::int as n from interaction.comment group by 1"),
    ]);
    expect(messages).toBe(stored!.n);
    expect(dead).toEqual([]);
    const removed = [...those.memory.videos].filter(([, { gone }]) => gone.has(true)).map(([id]) => id);
    const standing = [...reactions].filter(
      ([key, now]) => now !== 0 && !removed.includes(key.split(" ")[0]!),
    );
    for (const [videoId, n] of commentsOf)
      if (!removed.includes(videoId)) expect(n, videoId).toBe(commentsLeft.get(videoId) ?? 0);
    expect(new Map(standing)).toEqual(new Map(live.map(({ key, reaction }) => [key, reaction])));
  });

  test("counts that people see are recounts of the facts", async () => {
    const [following, followers, given, likes, comments, unread] = await Promise.all([
      tally("select follower_id as id, count(*)::int as n from relation.follow group by 1"),
      tally("select followee_id as id, count(*)::int as n from relation.follow group by 1"),
      tally(
        "select user_id as id, count(*)::int as n from interaction.reaction where reaction = 1 group by 1",
      ),
      tally(
        "select video_id as id, count(*)::int as n from interaction.reaction where reaction = 1 group by 1",
      ),
      tally("select video_id as id, count(*)::int as n from interaction.comment group by 1"),
      tally(`select c.user_id as id, count(*)::int as n from message.conversation c join message.message m
        on m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
        where m.sender_id = c.peer_id and m.id > c.read_id group by 1`),
    ]);
    const standing = [...those.memory.videos].filter(([, { gone }]) => !gone.has(true));
    for (const me of people) {
      const { counts } = body(await me.get<Schemas["User"]>("/me"));
      const mine = standing.filter(([, { authorId }]) => authorId === me.id).map(([id]) => id);
      expect(counts, me.id).toEqual({
        videos: mine.length,
        following: following.get(me.id) ?? 0,
        followers: followers.get(me.id) ?? 0,
        likesGiven: given.get(me.id) ?? 0,
        likesReceived: mine.reduce((sum, id) => sum + (likes.get(id) ?? 0), 0),
      });
      expect(body(await me.get<{ messages: number }>("/me/unread")).messages).toBe(unread.get(me.id) ?? 0);
    }
    const [kept, reposted, shared] = await Promise.all(
      marks.map((mark) =>
        tally(`select video_id as id, count(*)::int as n from interaction.${mark} group by 1`),
      ),
    );
    expect([kept, reposted, shared].map((count) => count!.size > 0)).toEqual([true, true, true]);
    for (const [id] of standing) {
      const video = body(await server.api<Schemas["Video"]>("GET", `/videos/${id}`));
      expect(video.counts).toEqual({
        likes: likes.get(id) ?? 0,
        comments: comments.get(id) ?? 0,
        bookmarks: kept!.get(id) ?? 0,
        reposts: reposted!.get(id) ?? 0,
        shares: shared!.get(id) ?? 0,
        downloads: 0,
        views: 0,
      });
    }
    // These pages are cached, some since before the last kill.
    for (const me of people.slice(0, 30)) {
      const page = await classic.get("/feed/", { token: me.session.accessToken });
      for (const { key, favorite_count, comment_count, author } of videosOf(page)) {
        const { authorId } = those.memory.videos.get(key)!;
        expect([favorite_count, comment_count]).toEqual([likes.get(key) ?? 0, comments.get(key) ?? 0]);
        expect(author).toMatchObject({
          follow_count: following.get(authorId) ?? 0,
          follower_count: followers.get(authorId) ?? 0,
          favorite_count: given.get(authorId) ?? 0,
        });
      }
    }
  });

  test("every following feed is what the facts say", async () => {
    const followed = await pairs(allFollows);
    const published = await rows<{ id: string; author_id: string }>(
      "select id, author_id from video.video where state = 'published' order by published_ms desc, id desc",
    );
    expect(new Set(published.map(({ id }) => id))).toEqual(
      new Set([...those.memory.videos].filter(([, { gone }]) => !gone.has(true)).map(([id]) => id)),
    );
    // Videos marked as not for a person are in none of their feeds.
    const disliked = await pairs(
      "select user_id || ' ' || video_id as pair from interaction.reaction where reaction = -1",
    );
    for (const reader of people) {
      const page = body(await reader.get<Page<Schemas["Video"]>>("/feed/following?limit=50"));
      expect(
        page.items.map(({ id }) => id),
        reader.id,
      ).toEqual(
        published
          .filter(({ author_id }) => followed.has(`${reader.id} ${author_id}`))
          .filter(({ id }) => !disliked.has(`${reader.id} ${id}`))
          .map(({ id }) => id),
      );
    }
  });

  test("hot users are those with the most new followers", async () => {
    const followers = await tally(
      "select followee_id as id, count(*)::int as n from relation.follow group by 1",
    );
    const { items } = body(
      await server.api<{ items: { user: { id: string }; won: number }[] }>("GET", "/hot-users?limit=50"),
    );
    expect(items.map(({ user, won }) => won === followers.get(user.id))).not.toContain(false);
    const best = [...followers.values()].sort((a, b) => b - a).slice(0, 50);
    expect(items.map(({ won }) => won)).toEqual(best);
  });

  test("a recount of everything finds no difference", async () => {
    // It remembers where modules are.
    const env = { DOUYA_DATA: deployment.dataDir, DOUYA_DATABASE_URL: database.url };
    const doctor = startProgram(["doctor", "--recount"], env);
    expect((await doctor.ended).code, doctor.output()).toBe(0);
  });

  async function pairs(sql: string): Promise<Set<string>> {
    return new Set((await rows<{ pair: string }>(sql)).map(({ pair }) => pair));
  }
  async function tally(sql: string): Promise<Map<string, number>> {
    return new Map((await rows<{ id: string; n: number }>(sql)).map(({ id, n }) => [id, n]));
  }
});

/** Rows that are wrong, missing, or there twice. */
function differences(
  written: Written[],
  stored: { id: string; text: string }[],
  mayBeGone: (one: Written) => boolean,
): string[] {
  const found = new Map<string, string[]>();
  for (const { id, text } of stored) found.set(text, [...(found.get(text) ?? []), id]);
  const wrong: string[] = [];
  for (const one of written) {
    const ids = found.get(one.text) ?? [];
    found.delete(one.text);
    const certainlyGone = !one.gone.has(false);
    const fits = ids.length === 1 ? ids[0] === one.id && !certainlyGone : ids.length === 0 && mayBeGone(one);
    if (!fits) wrong.push(`${one.text}: ${one.id} is stored as ${ids.join(", ") || "nothing"}`);
  }
  for (const [text, ids] of found) wrong.push(`${text}: stored as ${ids.join(", ")}, never acknowledged`);
  return wrong;
}
