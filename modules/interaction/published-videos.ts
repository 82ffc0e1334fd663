import { type Video, type VideoService, VideoState } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { Validity } from "#platform/cache/validity.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { colourOf } from "#platform/observe/trace-context.ts";
import type { Call, ServedCall } from "#platform/rpc/call.ts";
import { coalesceById } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";
import { maxAgeMs } from "./act-validity.ts";

export interface PublishedVideo {
  videoId: string;
  authorId: string;
}

interface FoundVideo {
  authorId: string;
  /** What was true at this time of `actValidity` or later may be told of it; undefined: only what is asked for. */
  asOf: number | undefined;
}

export interface PublishedVideos {
  /** Whose it is; its row is there then. Of a video that all may see nobody is asked twice. Error: VIDEO_NOT_FOUND, as below. */
  find(videoId: string, call: ServedCall): Promise<FoundVideo>;
  /**
   * Adds the row of a published video if it has none, and gives what is known of it. Error: VIDEO_NOT_FOUND, also when the
   * caller may not see it. With `unpublished` also of one that only its author sees yet.
   */
  ensureRow(videoId: string, call: ServedCall, also?: { unpublished: boolean }): Promise<Video>;
  /** It was deleted. */
  forget(videoId: string): Promise<void>;
}

const remembered = { max: 100_000, ttlMs: 30_000 };
const maxOpen = 100_000;

export function createPublishedVideos(
  video: Client<typeof VideoService, "getVideos">,
  addRows: PerCall<(videos: PublishedVideo[]) => Promise<void>>,
  validity: Validity,
  caches: Pick<Caches, "shared" | "validatedEntries">,
): PublishedVideos {
  /** Whose rows are there. */
  const authorOf = caches.shared("authors of published videos", remembered);
  const add = createBatcher(async (videos: PublishedVideo[], batch) => {
    await addRows(batch)(videos);
    return videos.map(({ authorId }) => authorId);
  });
  /** The authors of videos that all may see, and whose rows are there. */
  const open = caches.validatedEntries<string>("authors of open videos", {
    validity,
    max: maxOpen,
    maxAgeMs,
  });
  const forEverybody = coalesceById(
    async (ids, call) => (await video.getVideos({ ids }, call)).videos,
    ({ id }) => id,
  );

  const asGuest = async (videoId: string, call: Call) => (await forEverybody([videoId], call)).get(videoId);
  const asCaller = async (videoId: string, call: Call) =>
    (await video.getVideos({ ids: [videoId] }, call)).videos[0];

  async function withRow(found: Video, call: ServedCall): Promise<Video> {
    const { id: videoId, authorId } = found;
    await authorOf.get(videoId, () => add({ videoId, authorId }, call));
    return found;
  }

  /** Before it is published, not even its author can like it. */
  async function published(found: Video | undefined, call: ServedCall): Promise<Video> {
    if (found?.state !== VideoState.PUBLISHED) throw refusal("VIDEO_NOT_FOUND");
    return withRow(found, call);
  }

  /** Undefined if it is not there for all. */
  async function authorOfOpen(videoId: string, asOf: number, call: ServedCall): Promise<string | undefined> {
    const authors = await open.getMany("", [videoId], asOf, async () => {
      // To a guest only what is published is there.
      const found = await asGuest(videoId, call);
      return new Map(found ? [[videoId, (await withRow(found, call)).authorId]] : []);
    });
    return authors.get(videoId);
  }

  const ensureRow: PublishedVideos["ensureRow"] = async (videoId, call, also) => {
    if (!isId(videoId)) throw refusal("VIDEO_NOT_FOUND");
    // As a guest first, together with others: most are public.
    const found = (await asGuest(videoId, call)) ?? (await asCaller(videoId, call));
    return found && also?.unpublished ? withRow(found, call) : published(found, call);
  };

  return {
    async find(videoId, call) {
      if (!isId(videoId)) throw refusal("VIDEO_NOT_FOUND");
      // Another version of a service may answer otherwise.
      const asOf = colourOf(call.traceId) === undefined ? await validity.now() : undefined;
      if (asOf === undefined) return { authorId: (await ensureRow(videoId, call)).authorId, asOf };
      const authorId =
        (await authorOfOpen(videoId, asOf, call)) ??
        (await published(await asCaller(videoId, call), call)).authorId;
      return { authorId, asOf };
    },
    ensureRow,
    forget: authorOf.forget,
  };
}
