import { type VideoService, VideoState } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Caches } from "#platform/cache/caches.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { mergeCalls, type ServedCall } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";

export interface KnownVideo {
  videoId: string;
  authorId: string;
}

export interface KnownVideos {
  /** Sees that a video is published and has its row; gives its author's id. Error: VIDEO_NOT_FOUND. */
  require(videoId: string, call: ServedCall): Promise<string>;
}

/**
 * A video that was published a moment ago is not asked for again. That it has been deleted since shows in its row,
 * once the event has arrived, or at the latest after `ttlMs`.
 */
const remembered = { max: 100_000, ttlMs: 30_000 };

export function createKnownVideos(
  video: Client<typeof VideoService, "getVideos">,
  addRows: PerCall<(videos: KnownVideo[]) => Promise<void>>,
  caches: Pick<Caches, "shared">,
): KnownVideos {
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
    async require(videoId, call) {
      const authorId = isId(videoId)
        ? await authorOf.get(videoId, () => find({ videoId, call }, call))
        : undefined;
      if (authorId === undefined) throw refusal("VIDEO_NOT_FOUND");
      return authorId;
    },
  };
}
