import { areFriends } from "#contracts/friends.ts";
import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import { createBatcher, createListBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { type Call, type ServedCall, withinDeadline } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";
import type { UnseenPulls } from "./pulls.ts";
import { type Authored, chooseSources, type Entry, fillMs } from "./rules.ts";
import type { FeedStore, PageQuery } from "./store.ts";

/** Later than anything that can be published. */
export const newest: Entry = { publishedAtMs: Number.MAX_SAFE_INTEGER, videoId: "9223372036854775807" };
const followingPage = 5000;
/** How many entries are looked at in one step, when those of a page were not for the reader, and how often. */
const maxLook = 250;
const maxLooks = 8;

type Standings = (asked: { userId: string; otherIds: string[] }, call: Call) => Promise<Uint8Array>;

export interface FollowingPage {
  entries: Authored[];
  /** Fewer than asked for were found up to here; there may be more after it. */
  lookedUpTo?: Entry;
}

/**
 * The newest videos by people the reader follows, before a position: at most `limit`; fewer only at the end, or when
 * very many in between are not for the reader.
 */
export type FollowingFeed = (
  userId: string,
  before: Entry,
  limit: number,
  call: ServedCall,
) => Promise<FollowingPage>;

/**
 * What was delivered to the inbox and what is pulled from large authors. Authors who are no longer followed are left out here, before
 * the event arrives.
 */
export function followingFeed(options: {
  store: PerCall<FeedStore>;
  relation: Client<typeof RelationService, "getRelations" | "getStandings" | "listFollowing">;
  interaction: Client<typeof InteractionService, "getInterests">;
  protect: Pick<Protection, "boundedQueue">;
  /** A reader who follows more people than this gets deliveries from this many authors (rules.ts, chooseSources). */
  maxSources: number;
}): FollowingFeed {
  const { store, relation, interaction, protect, maxSources } = options;
  const inboxState = createBatcher(async (userIds: string[], batch) => {
    const { fill, look } = await store(batch).readersToFill([...new Set(userIds)]);
    return userIds.map((userId) => (fill.has(userId) ? "fill" : look.has(userId) ? "look" : "ready"));
  });
  const pageOf = createBatcher((queries: PageQuery[], batch) => store(batch).pages(queries), {
    maxBatch: 200,
  });
  const unseenPulls = createListBatcher((userIds, batch) => store(batch).unseenPulls(userIds));

  async function mustFill(userId: string, call: ServedCall): Promise<boolean> {
    const state = await inboxState(userId, call);
    if (state !== "look") return state === "fill";
    const { relations } = await relation.getRelations({ userIds: [userId] }, call);
    if (relations.some(({ following }) => following > maxSources)) return true;
    await store(call).recordVisits([userId]);
    return false;
  }

  // After a rebuild everybody's inbox is filled at the next read: this many of the process's database connections are
  // enough, so that the others stay free for what else it serves.
  const fillings = protect.boundedQueue("inbox_queue", {
    help: "Readers who wait for their inbox to be filled",
    concurrency: 4,
    maxWaiting: 500,
    typicalMs: 50,
  });
  /** By reader: concurrent requests of one reader wait for the same filling. */
  const filling = new Map<string, Promise<void>>();

  function fill(userId: string, call: Call): Promise<void> {
    return withinDeadline(call, () => {
      const underWay = filling.get(userId);
      if (underWay) return underWay;
      const begin = () => {
        // The first caller may have a shorter deadline than the others. Finished steps are not repeated.
        const own = { ...call, deadlineMs: Date.now() + fillMs, signal: undefined };
        return withinDeadline(own, (filler) => fillAnew(userId, filler));
      };
      const done = fillings.run(begin, call.deadlineMs).finally(() => filling.delete(userId));
      filling.set(userId, done);
      return done;
    });
  }

  async function fillAnew(userId: string, call: ServedCall): Promise<void> {
    const own = store(call);
    const generation = await own.openInbox(userId);
    const followed: string[] = [];
    let before = "";
    do {
      const page = await relation.listFollowing({ userId, before, limit: followingPage }, call);
      followed.push(...page.userIds);
      before = page.next;
    } while (before);
    const capped = followed.length > maxSources;
    const interests = capped ? await interestsOf(userId, call) : new Set<string>();
    const authorIds = chooseSources(followed, interests, maxSources);
    await own.fillInbox(userId, { generation, authorIds, capped, followed });
  }

  async function interestsOf(userId: string, call: Call): Promise<Set<string>> {
    const { interests } = await interaction.getInterests({ userIds: [userId] }, call);
    return new Set(interests.flatMap(({ authorIds }) => authorIds));
  }

  const [standings, bothWays] = [true, false].map((oneWay) =>
    coalesce(
      async (people: { userId: string; otherIds: string[] }[], call) =>
        (await relation.getStandings({ people, oneWay }, call)).standings,
      { idsIn: ({ otherIds }) => otherIds.length },
    ),
  ) as [Standings, Standings];
  async function onlyFollowed(userId: string, ids: string[], call: Call): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const otherIds = [...new Set(ids)];
    const flags = await standings({ userId, otherIds }, call);
    return new Set(otherIds.filter((_, i) => flags[i]! & Relationship.FOLLOWS));
  }

  /** Those of these entries that the reader may see: of authors they still follow, and of friends what is for friends. */
  async function stillFor(userId: string, entries: Authored[], call: Call): Promise<Authored[]> {
    const forFriends = entries.filter(({ friends }) => friends);
    const otherIds = [...new Set(forFriends.map(({ authorId }) => authorId))];
    const [followed, flags] = await Promise.all([
      onlyFollowed(userId, [...new Set(entries.map(({ authorId }) => authorId))], call),
      otherIds.length === 0 ? undefined : bothWays({ userId, otherIds }, call),
    ]);
    const friends = new Set(otherIds.filter((_, i) => areFriends(flags?.[i] ?? 0)));
    return entries.filter((entry) => (entry.friends ? friends : followed).has(entry.authorId));
  }

  /** Looks which of the authors who came to be pulled since the last read are followed. */
  async function lookAtPulls(userId: string, unseen: UnseenPulls, call: ServedCall): Promise<void> {
    const own = store(call);
    const followed = await onlyFollowed(userId, await own.newlyPulled(unseen), call);
    await own.recordPulls(userId, unseen.latest, [...followed]);
  }

  return async (userId, before, limit, call) => {
    const asCaller = { ...call, callerId: userId };
    let [unfilled, unseen] = await Promise.all([mustFill(userId, asCaller), unseenPulls([userId], call)]);
    if (unfilled) {
      await fill(userId, asCaller);
      unseen = await unseenPulls([userId], call);
    }
    const own = unseen.get(userId);
    if (own) await lookAtPulls(userId, own, asCaller);
    const found: Authored[] = [];
    let [from, size] = [before, limit];
    for (let looks = 1; ; looks++) {
      const entries = await pageOf({ userId, before: from, limit: size }, call);
      found.push(...(await stillFor(userId, entries, asCaller)));
      if (entries.length < size || found.length >= limit) return { entries: found.slice(0, limit) };
      if (looks === maxLooks) return { entries: found, lookedUpTo: entries.at(-1)! };
      from = entries.at(-1)!;
      // An author may have published a thousand for friends alone.
      size = maxLook;
    }
  };
}
