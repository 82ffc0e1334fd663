import {
  inboxesChanged,
  relationFollowed,
  relationUnfollowed,
  videoDeleted,
  videoPublished,
  videoVisibilityChanged,
} from "#contracts/events.ts";
import { changesLists } from "#contracts/feed-changes.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { Visibility } from "#contracts/gen/video_pb.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { ConsumeOptions } from "#platform/events/consumer/consumer.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import { type Authored, isLarge, namedOrAll } from "./rules.ts";
import type { FeedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

export const inboxEvents = [
  ...[videoPublished, videoVisibilityChanged, videoDeleted],
  ...[relationFollowed, relationUnfollowed],
] as const;
type InboxEvent = EventOf<(typeof inboxEvents)[number]>;

/** How many followers the authors of published videos have, by author. */
type Followers = ReadonlyMap<string, number>;

/** Projects follows and videos into inboxes. Each step is idempotent. */
export function projectInboxes(
  store: FeedStore,
  relation: Client<typeof RelationService, "getRelations">,
  jobs: Jobs,
  pullFollowers: number,
): Pick<ConsumeOptions<Tables, (typeof inboxEvents)[number], Followers>, "prepare" | "handle"> {
  return {
    async prepare(events, { signal }) {
      const published = events.filter(
        ({ type }) => type === videoPublished.name || type === videoVisibilityChanged.name,
      );
      const userIds = [...new Set(published.map(({ message }) => (message as Authored).authorId))];
      if (userIds.length === 0) return new Map();
      const call = systemCall({ traceId: published[0]!.traceId, signal });
      const { relations } = await relation.getRelations({ userIds }, call);
      return new Map(relations.map(({ userId, followers }) => [userId, followers]));
    },
    async handle(on, events, { emit, prepared: followers }) {
      const pairs = events.filter(isAboutFollow).map(toPair);
      const readers: (string[] | "everybody")[] = [pairs.map(({ userId }) => userId)];
      await store.lockReaders(on, pairs);
      // Neighbours of one kind are applied together; order matters only within a pair or a video.
      for (const run of runsOf(events)) {
        const [first] = run;
        if (first.type === relationFollowed.name) await store.addFollows(on, run.map(toPair));
        else if (first.type === relationUnfollowed.name) await store.removeFollows(on, run.map(toPair));
        else for (const event of run) readers.push(await projectVideo(on, event, followers));
      }
      const named = new Set(readers.flat());
      if (named.size > 0) emit(inboxesChanged, namedOrAll(named));
    },
  };

  /** Emits whose following feeds have changed. Readers who get a delivery are named when it is done. */
  async function projectVideo(
    on: Transaction<Tables>,
    event: InboxEvent,
    followers: Followers,
  ): Promise<string[] | "everybody"> {
    const count = (authorId: string) => followers.get(authorId) ?? 0;
    if (event.type === videoPublished.name)
      return addVideo(on, event.message, event.traceId, count(event.message.authorId));
    if (event.type === videoVisibilityChanged.name) {
      const { videoId, authorId, publishedAtMs, now } = event.message;
      const video = { videoId, authorId, publishedAtMs, friends: now === Visibility.FRIENDS };
      if (now === Visibility.PUBLIC || video.friends)
        return addVideo(on, video, event.traceId, count(authorId));
      await store.removeVideo(on, video);
      return changesLists(event) ? "everybody" : [];
    }
    if (event.type !== videoDeleted.name) return [];
    await store.removeVideo(on, event.message);
    return changesLists(event) ? "everybody" : [];
  }

  async function addVideo(
    on: Transaction<Tables>,
    { videoId, authorId, publishedAtMs, friends }: Authored,
    traceId: string,
    followers: number,
  ): Promise<string[] | "everybody"> {
    const video = { videoId, authorId, publishedAtMs, ...(friends && { friends }) };
    const wasLarge = (await store.wereLarge([video.authorId], on)).has(video.authorId);
    const pushed = await store.noteVideo(on, video, isLarge(followers, wasLarge, pullFollowers));
    if (!pushed) return "everybody";
    // Followers are listed after the commit: a follower who comes later finds the video recorded.
    await store.startDelivery(on, video, traceId, jobs);
    return [];
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
