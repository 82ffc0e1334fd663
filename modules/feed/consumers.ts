import {
  inboxesChanged,
  relationFollowed,
  relationUnfollowed,
  videoDeleted,
  videoPublished,
} from "#contracts/events.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { HandlerContext } from "#platform/events/handler-transaction.ts";
import type { JobQueue } from "#platform/jobs/job-queue.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "./deliver.ts";
import { type Authored, firstDeliveries, isLarge } from "./rules.ts";
import type { FeedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

export const inboxEvents = [videoPublished, videoDeleted, relationFollowed, relationUnfollowed] as const;
type InboxEvent = EventOf<(typeof inboxEvents)[number]>;

/** Of more people it is said that it may be everybody. */
const maxNamed = 2_000;

/** Projects follows and videos into inboxes. Each step is idempotent. */
export function projectInboxes(
  store: FeedStore,
  relation: Client<typeof RelationService, "getRelations" | "listFollowers">,
  jobs: JobQueue,
  pullFollowers: number,
) {
  return async (
    on: Transaction<Tables>,
    events: InboxEvent[],
    { afterCommit, emit, signal }: Pick<HandlerContext, "afterCommit" | "emit" | "signal">,
  ): Promise<void> => {
    // For deliveries that go on in the background.
    afterCommit(jobs.wake);
    const pairs = events.filter(isAboutFollow).map(toPair);
    const readers: (string[] | "everybody")[] = [pairs.map(({ userId }) => userId)];
    await store.lockReaders(on, pairs);
    // Neighbours of one kind are done at once; order matters only within a pair or a video.
    for (const run of runsOf(events)) {
      const [first] = run;
      if (first.type === relationFollowed.name) await store.addFollows(on, run.map(toPair));
      else if (first.type === relationUnfollowed.name) await store.removeFollows(on, run.map(toPair));
      else for (const event of run) readers.push(await projectVideo(on, event, signal));
    }
    const named = new Set(readers.flat());
    const all = named.has("everybody") || named.size > maxNamed;
    if (named.size > 0) emit(inboxesChanged, { userIds: all ? [] : [...named] });
  };

  /** Tells whose following feeds show something else now; those to whom it goes on being delivered are told later. */
  async function projectVideo(
    on: Transaction<Tables>,
    event: InboxEvent,
    signal: AbortSignal,
  ): Promise<string[] | "everybody"> {
    if (event.type === videoPublished.name)
      return addVideo(on, event.message, systemCall({ traceId: event.traceId, signal }));
    if (event.type !== videoDeleted.name) return [];
    await store.removeVideo(on, event.message);
    return event.message.publishedAtMs > 0 ? "everybody" : [];
  }

  async function addVideo(
    on: Transaction<Tables>,
    video: Authored,
    call: Call,
  ): Promise<string[] | "everybody"> {
    const { authorId } = video;
    const { relations } = await relation.getRelations({ userIds: [authorId] }, call);
    const wasLarge = (await store.wereLarge([authorId])).has(authorId);
    const large = isLarge(relations[0]?.followers ?? 0, wasLarge, pullFollowers);
    if (!(await store.noteVideo(video, large))) return "everybody";
    // Asked after the video was noted: who follows later finds it there.
    const { userIds, next } = await relation.listFollowers(
      { userId: authorId, limit: firstDeliveries },
      call,
    );
    await store.deliver(on, video, userIds);
    if (next) await store.continueDelivery(on, video, next, jobs);
    return userIds;
  }
}

const isAboutFollow = ({ type }: InboxEvent): boolean =>
  type === relationFollowed.name || type === relationUnfollowed.name;

function toPair(event: InboxEvent): { userId: string; authorId: string } {
  const { followerId, followeeId } = event.message as { followerId: string; followeeId: string };
  return { userId: followerId, authorId: followeeId };
}

/** Splits into runs of events of one type about different pairs. */
function runsOf(events: InboxEvent[]): [InboxEvent, ...InboxEvent[]][] {
  const runs: [InboxEvent, ...InboxEvent[]][] = [];
  for (const event of events) {
    const run = runs.at(-1);
    if (run?.[0].type === event.type) run.push(event);
    else runs.push([event]);
  }
  return runs;
}
