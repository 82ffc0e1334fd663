import { type Video, type VideoService, VideoState } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Caches } from "#platform/cache/caches.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Call, ServedCall } from "#platform/rpc/call.ts";
import { coalesceById } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";

export interface PublishedVideo {
  videoId: string;
  authorId: string;
}

export interface PublishedVideos {
  /**
   * Adds the row of a published video if it has none, and gives what is known of it. Error: VIDEO_NOT_FOUND, also when the
   * caller may not see it. With `unpublished` also of one that only its author sees yet.
   */
  ensureRow(videoId: string, call: ServedCall, also?: { unpublished: boolean }): Promise<Video>;
  /** It was deleted. */
  forget(videoId: string): Promise<void>;
}

const remembered = { max: 100_000, ttlMs: 30_000 };

export function createPublishedVideos(
  video: Client<typeof VideoService, "getVideos">,
  addRows: PerCall<(videos: PublishedVideo[]) => Promise<void>>,
  caches: Pick<Caches, "shared">,
): PublishedVideos {
  /** Whose rows are there. */
  const authorOf = caches.shared("authors of published videos", remembered);
  const add = createBatcher(async (videos: PublishedVideo[], batch) => {
    await addRows(batch)(videos);
    return videos.map(({ authorId }) => authorId);
  });
  const forEverybody = coalesceById(
    async (ids, call) => (await video.getVideos({ ids }, call)).videos,
    ({ id }) => id,
  );

  /** Asked each time: who may see it changes, and what may not be seen is not there. */
  async function find(videoId: string, call: Call): Promise<Video | undefined> {
    if (!isId(videoId)) return undefined;
    // As a guest first, together with others: most are public.
    const found = (await forEverybody([videoId], call)).get(videoId);
    return found ?? (await video.getVideos({ ids: [videoId] }, call)).videos[0];
  }

  return {
    async ensureRow(videoId, call, { unpublished } = { unpublished: false }) {
      const found = await find(videoId, call);
      // Before it is published, not even its author can like it.
      if (!found || (found.state !== VideoState.PUBLISHED && !unpublished)) throw refusal("VIDEO_NOT_FOUND");
      const { authorId } = found;
      await authorOf.get(videoId, () => add({ videoId, authorId }, call));
      return found;
    },
    forget: authorOf.forget,
  };
}
