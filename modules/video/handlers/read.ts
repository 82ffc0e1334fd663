import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { createListBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { toVideo } from "../present.ts";
import { isVisible } from "../rules.ts";
import type { VideoStore } from "../video-store.ts";

type Service = Handlers<typeof VideoService>;

/** The largest page of any list. */
const maxPage = 100;

export function getVideos(store: StoreFor<VideoStore>): Service["getVideos"] {
  const load = createListBatcher(
    async (ids, batch) => new Map((await store(batch).videosById(ids)).map((row) => [row.id, row])),
  );
  return async (request, call) => {
    const ids = request.ids.filter(isId);
    const rows = await load(ids, call);
    const videos = ids.map((id) => rows.get(id));
    const visible = videos.filter((video) => video !== undefined && isVisible(video, call.callerId));
    return { videos: visible.map((video) => toVideo(video!, call)) };
  };
}

export function getRenditions(store: StoreFor<VideoStore>): Service["getRenditions"] {
  return async (request, call) => {
    if (!isId(request.videoId)) throw refusal("VIDEO_NOT_FOUND");
    const [[video], renditions] = await Promise.all([
      store(call).videosById([request.videoId]),
      store(call).renditionsOf(request.videoId),
    ]);
    if (!video || !isVisible(video, call.callerId)) throw refusal("VIDEO_NOT_FOUND");
    return {
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
      })),
    };
  };
}

export function listByAuthor(store: StoreFor<VideoStore>): Service["listByAuthor"] {
  return async (request, call) => {
    if (!isId(request.authorId)) return {};
    const { rows, after } = await takePage(request.limit, maxPage, (limit) =>
      store(call).listByAuthor(request.authorId as UserId, {
        ...(isId(request.beforeId) && { beforeId: request.beforeId }),
        limit,
        everyState: request.everyState && request.authorId === call.callerId,
      }),
    );
    return { videos: rows.map((row) => toVideo(row, call)), more: after !== undefined };
  };
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
      store(call).listPublished(before, limit),
    );
    return {
      videos: rows.map((row) => ({ id: row.id, publishedAtMs: Number(row.published_ms) })),
      more: after !== undefined,
    };
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
