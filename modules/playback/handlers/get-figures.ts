import { FiguresWindow, type PlaybackService } from "#contracts/gen/playback_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import {
  type FigureSums,
  type FiguresScope,
  type FiguresStore,
  type FigureWindow,
  figureWindows,
  firstMs,
} from "../figures-store.ts";
import { retentionOf } from "../rules.ts";

const windows = new Map<FiguresWindow, FigureWindow>([
  [FiguresWindow.DAY, figureWindows["24h"]],
  [FiguresWindow.MONTH, figureWindows["28d"]],
  [FiguresWindow.ALL, figureWindows.all],
]);

/** What authors learn of their videos, and moderators of anybody's, which is noted. */
export function getFigures(
  store: PerCall<FiguresStore>,
  video: Client<typeof VideoService, "getVideos">,
  security: SecurityLog,
): Handlers<typeof PlaybackService>["getFigures"] {
  return async ({ videoId, window: named }, call) => {
    const callerId = requireCaller(call);
    const window = windows.get(named);
    if (!window) throw refusal("INVALID_ARGUMENT", "window: say 24 hours, 28 days or all.");
    const authorId = videoId === "" ? callerId : await authorOf(videoId, callerId, call);
    const scope: FiguresScope = videoId === "" ? { authorId } : { videoId };
    const sinceMs = firstMs(window, Date.now());
    const read = store.reading(call);
    const [sums, followers, sources, reached] = await Promise.all([
      read.sums(scope, window, sinceMs),
      videoId === "" ? read.followers(authorId, window, sinceMs) : new Map<number, number>(),
      read.sources(scope, sinceMs),
      videoId === "" ? [] : read.reached(videoId),
    ]);
    const series = withFollowers(sums.series, followers);
    return {
      authorId,
      total: totalOf(series.map(({ figures }) => figures)),
      series,
      spanMs: window.spanMs,
      sources,
      retention: retentionOf(reached),
      videos: sums.videos.map((one) => ({ videoId: one.videoId, figures: { ...one.sums, followers: 0 } })),
    };
  };

  /** Errors: VIDEO_NOT_FOUND, NOT_YOURS. */
  async function authorOf(videoId: string, callerId: string, call: ServedCall): Promise<string> {
    const { videos } = isId(videoId) ? await video.getVideos({ ids: [videoId] }, call) : { videos: [] };
    const authorId = videos[0]?.authorId;
    if (authorId === undefined) throw refusal("VIDEO_NOT_FOUND");
    if (authorId === callerId) return authorId;
    if (call.moderator !== true) throw refusal("NOT_YOURS", "Only the author of a video sees its figures.");
    const entry = { userId: authorId, actorId: callerId, subject: `video ${videoId}` };
    await security.write({ kind: "figures-seen", ...entry });
    return authorId;
  }
}

type Sums = FigureSums & { followers: number };

/** In a span there may be nothing but followers; where what was added was taken back, there is nothing. */
function withFollowers(
  series: { startMs: number; sums: FigureSums }[],
  followers: ReadonlyMap<number, number>,
): { startMs: number; figures: Sums }[] {
  const spans = new Map<number, Partial<Sums>>(
    [...followers].map(([startMs, n]) => [startMs, { followers: n }]),
  );
  for (const { startMs, sums } of series) spans.set(startMs, { ...spans.get(startMs), ...sums });
  return [...spans]
    .filter(([, figures]) => Object.values(figures).some((n) => n !== 0))
    .sort(([a], [b]) => a - b)
    .map(([startMs, figures]) => ({ startMs, figures: { ...nothing, ...figures } }));
}

function totalOf(all: Sums[]): Sums {
  const total = { ...nothing };
  for (const sums of all)
    for (const name of Object.keys(nothing) as (keyof Sums)[]) total[name] += sums[name];
  return total;
}

const nothing: Sums = {
  ...{ views: 0, viewers: 0, plays: 0, ownPlays: 0, watchMs: 0, completions: 0, skips: 0, loops: 0 },
  ...{ likes: 0, comments: 0, shares: 0, followers: 0 },
};
