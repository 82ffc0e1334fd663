import { videoDeleted, videoVisibilityChanged } from "#contracts/events.ts";
import { type Video, type VideoService, VideoState } from "#contracts/gen/video_pb.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import { colourOf } from "#platform/observe/trace-context.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesceById } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";

interface WatchableVideo {
  authorId: string;
  /** 0: a post of pictures. */
  durationMs: number;
}

/** Of these videos, those that are published and that the caller may see. */
export type FindWatchable = (ids: string[], call: Call) => Promise<ReadonlyMap<string, WatchableVideo>>;

/** Every change by which somebody may no longer see a video that all could see. */
const types = [videoVisibilityChanged, videoDeleted] as const;
const maxAgeMs = 600_000;
const maxOpen = 100_000;

/** What all may see is remembered, judged by the log with each request (docs/adr/0041). */
export function findWatchable(
  video: Client<typeof VideoService, "getVideos">,
  events: EventBroadcast,
  caches: Pick<Caches, "validity" | "validatedEntries">,
): FindWatchable {
  const validity = caches.validity(async (since) => {
    const { cursor, events: changes } = await events.changesSince(types, since);
    const ids = changes?.map(({ message }) => message.videoId) ?? [];
    return { cursor, ids, everything: changes === undefined };
  });
  const open = caches.validatedEntries<WatchableVideo>("videos that all may watch", {
    validity,
    max: maxOpen,
    maxAgeMs,
  });
  const forEverybody = coalesceById(
    async (ids, call) => (await video.getVideos({ ids }, call)).videos,
    ({ id }) => id,
  );

  const published = (videos: Iterable<Video>) =>
    new Map(
      [...videos]
        .filter(({ state }) => state === VideoState.PUBLISHED)
        .map(({ id, authorId, durationMs, pictures }): [string, WatchableVideo] => [
          id,
          { authorId, durationMs: pictures.length > 0 ? 0 : durationMs },
        ]),
    );
  const asGuest = async (ids: string[], call: Call) =>
    published((await forEverybody(ids, { ...call, callerId: undefined })).values());

  return async (ids, call) => {
    // Another version of a service may answer otherwise.
    const asOf = colourOf(call.traceId) === undefined ? await validity.now() : undefined;
    const found =
      asOf === undefined
        ? await asGuest(ids, call)
        : await open.getMany("", ids, asOf, (missing) => asGuest(missing, call));
    const special = call.callerId === undefined ? [] : ids.filter((id) => !found.has(id));
    if (special.length === 0) return found;
    return new Map([...found, ...published((await video.getVideos({ ids: special }, call)).videos)]);
  };
}
