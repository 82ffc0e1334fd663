import {
  commentDeleted,
  commented,
  reacted,
  relationFollowed,
  relationUnfollowed,
  shared,
} from "#contracts/events.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { ConsumeOptions } from "#platform/events/consumer/consumer.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import { addFigures, type ChangeOf, partitionedSpans } from "./add-figures.ts";
import { addFollowers, type FollowersChange } from "./followers.ts";
import { videosLeft } from "./gone.ts";
import { keptMs, type Partitions } from "./partitions.ts";
import { minuteMs, parts, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

export const countedActs = [
  ...[reacted, commented, commentDeleted, shared],
  ...[relationFollowed, relationUnfollowed],
] as const;
type Type = (typeof countedActs)[number];

const actNames = ["likes", "comments", "shares"] as const;
type ActsChange = ChangeOf<(typeof actNames)[number]>;

/** Watchers have those before, so the two never wait for each other. */
const part = parts;

interface Prepared {
  nowMs: number;
  /** Of videos whose events do not say it. */
  authors: ReadonlyMap<string, string>;
}

/**
 * Counts likes, comments, shares and followers of authors at the times of their events: those that are taken back are
 * subtracted when that is done.
 */
export function countActs(
  partitions: Partitions,
  video: Client<typeof VideoService, "getVideos">,
): Required<Pick<ConsumeOptions<Tables, Type, Prepared>, "prepare" | "handle">> {
  return {
    async prepare(events, { signal }) {
      const nowMs = Date.now();
      const changes = videoChanges(events);
      for (const table of partitionedSpans)
        await partitions.ensure(
          table,
          changes.map(({ startMs }) => startMs).filter((startMs) => isKept(nowMs, table, startMs)),
        );
      // Said by no process of an earlier release. Nobody can tell whose it is if not all may see it.
      const ids = [...new Set(changes.filter(({ authorId }) => !authorId).map(({ videoId }) => videoId))];
      const call = systemCall({ traceId: events[0]!.traceId, signal });
      const { videos } = ids.length > 0 ? await video.getVideos({ ids }, call) : { videos: [] };
      return { nowMs, authors: new Map(videos.map(({ id, authorId }) => [id, authorId])) };
    },
    async handle(on, events, { prepared: { nowMs, authors } }) {
      const changes = videoChanges(events).flatMap((change) => {
        const authorId = change.authorId || authors.get(change.videoId);
        return authorId === undefined ? [] : [{ ...change, authorId }];
      });
      const left = await videosLeft(
        on,
        changes.map(({ videoId }) => videoId),
      );
      const minutes = changes.filter(({ videoId }) => left.has(videoId));
      try {
        await addFigures(on, part, actNames, minutes, (table, startMs) => isKept(nowMs, table, startMs));
      } catch (error) {
        partitions.forget();
        throw error;
      }
      await addFollowers(on, followerChanges(events), nowMs);
    },
  };
}

/** What is older is in coarser tables only. */
function isKept(nowMs: number, table: string, startMs: number): boolean {
  return !(table in keptMs) || startMs >= nowMs - keptMs[table as keyof typeof keptMs];
}

function videoChanges(events: EventOf<Type>[]): ActsChange[] {
  return events.flatMap((event) => {
    const change = actOf(event);
    if (!change || actNames.every((name) => !change[name])) return [];
    const { videoId, atMs } = event.message as { videoId: string; atMs: number };
    return [{ videoId, startMs: startOf(atMs, minuteMs), likes: 0, comments: 0, shares: 0, ...change }];
  });
}

function actOf(
  event: EventOf<Type>,
): (Pick<ActsChange, "authorId"> & Partial<Omit<ActsChange, "authorId">>) | undefined {
  switch (event.type) {
    case reacted.name: {
      const { authorId, was, now } = event.message;
      return { authorId, likes: Number(now === 1) - Number(was === 1) };
    }
    case commented.name:
      return { authorId: event.message.videoAuthorId, comments: 1 };
    case commentDeleted.name: {
      const { videoAuthorId: authorId, replies, repliesOnly } = event.message;
      return { authorId, comments: -(replies + (repliesOnly ? 0 : 1)) };
    }
    case shared.name:
      return { authorId: event.message.authorId, shares: event.message.change };
    default:
      return undefined;
  }
}

function followerChanges(events: EventOf<Type>[]): FollowersChange[] {
  return events.flatMap((event) => {
    const isFollow = event.type === relationFollowed.name;
    if (!isFollow && event.type !== relationUnfollowed.name) return [];
    const { followeeId: authorId, atMs } = event.message;
    return [{ authorId, atMs, followers: isFollow ? 1 : -1 }];
  });
}
