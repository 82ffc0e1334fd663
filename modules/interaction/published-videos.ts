import { type VideoService, VideoState } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Caches } from "#platform/cache/caches.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { mergeCalls, type ServedCall } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";

export interface PublishedVideo {
  videoId: string;
  authorId: string;
}

export interface PublishedVideos {
  /** Adds the row of a published video if it has none, and gives its author's id. Error: VIDEO_NOT_FOUND. */
  ensureRow(videoId: string, call: ServedCall): Promise<string>;
  /** It was deleted. */
  forget(videoId: string): Promise<void>;
}

/** A video deleted in this time is refused by its row, once the event has arrived. */
const remembered = { max: 100_000, ttlMs: 30_000 };

export function createPublishedVideos(
  video: Client<typeof VideoService, "getVideos">,
  addRows: PerCall<(videos: PublishedVideo[]) => Promise<void>>,
  caches: Pick<Caches, "shared">,
): PublishedVideos {
  const authorOf = caches.shared("authors of published videos", remembered);
  const find = createBatcher(
    async (asked: { videoId: string; call: ServedCall }[], batch): Promise<(string | undefined)[]> => {
      const merged = mergeCalls(asked.map(({ call }) => call));
      // As a guest: before it is published, not even the author can like it.
      const ids = [...new Set(asked.map(({ videoId }) => videoId))];
      const { videos } = await video.getVideos({ ids }, { ...merged, signal: batch.signal });
      const published = videos.filter(({ state }) => state === VideoState.PUBLISHED);
      if (published.length > 0)
        await addRows(batch)(published.map(({ id, authorId }) => ({ videoId: id, authorId })));
      const authors = new Map(published.map(({ id, authorId }) => [id, authorId]));
      return asked.map(({ videoId }) => authors.get(videoId));
    },
  );
  return {
    async ensureRow(videoId, call) {
      const authorId = isId(videoId)
        ? await authorOf.get(videoId, () => find({ videoId, call }, call))
        : undefined;
      if (authorId === undefined) throw refusal("VIDEO_NOT_FOUND");
      return authorId;
    },
    forget: authorOf.forget,
  };
}
