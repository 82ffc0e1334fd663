import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { isBlobKey } from "#platform/blob/blob-store.ts";
import { createListBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { Audience } from "../audience.ts";
import { toVideo } from "../present.ts";
import { averageBitrate } from "../shown-files.ts";
import type { VideoStore } from "../video-store.ts";
import { toVisibility, type VisibilityName } from "../visibility.ts";

type Service = Handlers<typeof VideoService>;

/** The largest page of any list. */
const maxPage = 100;

export function getVideos(store: StoreFor<VideoStore>, audience: Audience): Service["getVideos"] {
  const load = createListBatcher(
    async (ids, batch) => new Map((await store(batch).videosById(ids)).map((row) => [row.id, row])),
  );
  return async (request, call) => {
    const ids = request.ids.filter(isId);
    const rows = await load(ids, call);
    const found = ids.flatMap((id) => rows.get(id) ?? []);
    const visible = await audience.visible(found, call, request.forModerators);
    return { videos: visible.map((video) => toVideo(video, call, request.forModerators)) };
  };
}

export function getRenditions(store: StoreFor<VideoStore>, audience: Audience): Service["getRenditions"] {
  return async (request, call) => {
    if (!isId(request.videoId)) throw refusal("VIDEO_NOT_FOUND");
    const [videos, renditions] = await Promise.all([
      store(call).videosById([request.videoId]),
      store(call).renditionsOf(request.videoId),
    ]);
    const [video] = request.asCaller
      ? await audience.visible(videos, call, request.forModerators)
      : videos.filter(({ state, visibility }) => state === "published" && visibility === "public");
    if (!video) throw refusal("VIDEO_NOT_FOUND");
    return {
      ...(video.storyboard && { storyboard: video.storyboard }),
      renditions: renditions.map((row) => ({
        shortSide: row.short_side,
        key: row.key,
        width: row.width,
        height: row.height,
        codecs: row.codecs,
        fps: row.fps,
        initBytes: row.init_bytes,
        fragmentBytes: row.fragment_bytes,
        fragmentUs: row.fragment_us,
        averageBitrate: averageBitrate(row.fragment_bytes, row.fragment_us),
      })),
    };
  };
}

export function listByAuthor(store: StoreFor<VideoStore>, audience: Audience): Service["listByAuthor"] {
  return async (request, call) => {
    if (!isId(request.authorId)) return {};
    const isAuthor = request.authorId === call.callerId;
    const pageFor = (whom: "friends" | "all" | undefined) =>
      takePage(request.limit, maxPage, (limit) =>
        store(call).listByAuthor(request.authorId as UserId, {
          ...(isId(request.beforeId) && {
            before: { id: request.beforeId, publishedMs: timeOf(request.beforePublishedMs) },
          }),
          limit,
          everyState: request.everyState && isAuthor,
          ...(whom && { for: whom }),
        }),
      );
    let page = await pageFor(isAuthor ? undefined : call.callerId ? "friends" : "all");
    // Whether they are friends is asked only where it matters.
    if ((await audience.visible(page.rows, call)).length < page.rows.length) page = await pageFor("all");
    return { videos: page.rows.map((row) => toVideo(row, call)), more: page.after !== undefined };
  };
}

/** Any number is a valid time. */
function timeOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.max(0, Math.min(Math.ceil(ms) || 0, Number.MAX_SAFE_INTEGER));
}

export function listPublished(store: StoreFor<VideoStore>): Service["listPublished"] {
  return async (request, call) => {
    // Any number is a valid time; one later than all videos means from the newest.
    const ms = Math.ceil(request.beforeMs);
    const before =
      ms > 0 && ms < Number.MAX_SAFE_INTEGER
        ? { ms, id: isId(request.beforeId) ? request.beforeId : "0" }
        : undefined;
    const { rows, after } = await takePage(request.limit, maxPage, (limit) =>
      store(call).listPublished(before, limit, request.withFriends),
    );
    return {
      videos: rows.map(toPublished),
      more: after !== undefined,
    };
  };
}

export function findPublished(store: StoreFor<VideoStore>): Service["findPublished"] {
  return async (request, call) => {
    const ids = request.ids.filter(isId).slice(0, maxPage);
    return { videos: (await store(call).findPublished(ids)).map(toPublished) };
  };
}

interface PlacedRow {
  id: string;
  author_id: string;
  published_ms: string | null;
  visibility: VisibilityName;
}
const toPublished = (row: PlacedRow) => ({
  id: row.id,
  authorId: row.author_id,
  publishedAtMs: Number(row.published_ms),
  visibility: toVisibility(row.visibility),
});

export function findOpenBlobs(store: StoreFor<VideoStore>): Service["findOpenBlobs"] {
  const load = createListBatcher(
    async (keys, batch) => new Map((await store(batch).openBlobs(keys)).map((key) => [key, key])),
  );
  return async (request, call) => {
    const open = await load(request.keys.filter(isBlobKey), call);
    return { keys: request.keys.filter((key) => open.has(key)) };
  };
}

export function findShownBlobs(store: StoreFor<VideoStore>, audience: Audience): Service["findShownBlobs"] {
  return async ({ videoId, keys, forModerators }, call) => {
    if (!isId(videoId)) return {};
    const [videos, shown] = await Promise.all([
      store(call).videosById([videoId]),
      store(call).blobsShownBy(videoId, keys.filter(isBlobKey)),
    ]);
    return { keys: (await audience.visible(videos, call, forModerators)).length > 0 ? shown : [] };
  };
}

export function getAuthorStats(store: StoreFor<VideoStore>): Service["getAuthorStats"] {
  const load = createListBatcher(
    async (ids, batch) =>
      new Map((await store(batch).works(ids)).map((row) => [row.author_id, Number(row.works)])),
  );
  return async (request, call) => {
    const authorIds = request.authorIds.filter(isId);
    const works = await load(authorIds, call);
    return { stats: authorIds.map((authorId) => ({ authorId, works: works.get(authorId) ?? 0 })) };
  };
}
