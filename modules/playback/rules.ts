/** Sessions are told of for so long after they began. */
export const sessionMs = 6 * 3_600_000;
export const maxVideos = 30;
export const maxEntries = 100;
/** Of ranked videos: many of them may be shown to nobody. */
export const maxRanked = 1_000;
/** What is written of one video is spread over so many parts, by its watchers. */
export const parts = 4;
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
const enoughMs = 3_000;
const skippedMs = 2_000;
/** Another session of the same watcher within this time is a play and no view. */
const againMs = 30 * minuteMs;

/** One showing of a video to one watcher, as far as it was told of. */
export interface PlaySession {
  videoId: string;
  viewer: string;
  /** When it began; all that it adds is counted at that time. */
  startedMs: number;
  session: string;
  authorId: string;
  /** The author watches. */
  own: boolean;
  /** 0: a post of pictures. */
  durationMs: number;
  source: number;
  watchedMs: number;
  furthestMs: number;
  loops: number;
  ended: boolean;
}

/** In whatever order and however often its parts are told, the whole is the same. */
export function mergeSession(a: PlaySession, b: PlaySession): PlaySession {
  return {
    ...a,
    source: Math.max(a.source, b.source),
    watchedMs: Math.max(a.watchedMs, b.watchedMs),
    furthestMs: Math.max(a.furthestMs, b.furthestMs),
    loops: Math.max(a.loops, b.loops),
    ended: a.ended || b.ended,
  };
}

export const startOf = (atMs: number, spanMs: number): number => atMs - (atMs % spanMs);

/** Watched for 3 s, or for half of what is shorter than 6 s. */
export function isEnough({ watchedMs, durationMs }: PlaySession): boolean {
  return watchedMs >= (durationMs === 0 ? enoughMs : Math.min(enoughMs, durationMs / 2));
}

/**
 * Which of the sessions of one watcher with one video on one day (UTC) are views: those that were watched enough, none
 * within 30 minutes of the view before, at most `max`.
 */
export function viewsAmong(sessions: readonly PlaySession[], max: number): PlaySession[] {
  const views: PlaySession[] = [];
  for (const session of [...sessions].sort(byBeginning)) {
    if (views.length >= max) break;
    const last = views.at(-1);
    if (session.own || !isEnough(session)) continue;
    if (!last || session.startedMs - last.startedMs >= againMs) views.push(session);
  }
  return views;
}

function byBeginning(a: PlaySession, b: PlaySession): number {
  return a.startedMs - b.startedMs || (BigInt(a.session) < BigInt(b.session) ? -1 : 1);
}

export interface Figures {
  views: number;
  viewers: number;
  plays: number;
  ownPlays: number;
  watchMs: number;
  completions: number;
  skips: number;
  loops: number;
}
export const figureNames = [
  "views",
  "viewers",
  "plays",
  "ownPlays",
  "watchMs",
  "completions",
  "skips",
  "loops",
] as const satisfies (keyof Figures)[];

/** What one session adds. */
export interface Share extends Figures {
  startedMs: number;
  source: number;
  /** The percent of the video that it got to; undefined where that is of no interest. */
  reached: number | undefined;
}

/** What the sessions of one watcher with one video on one day add. */
export function sharesOf(sessions: readonly PlaySession[], maxViews: number): Share[] {
  const views = viewsAmong(sessions, maxViews);
  return sessions.map((session) => {
    const { own, watchedMs, loops, ended, startedMs, source } = session;
    const completed = ended || loops > 0;
    return {
      startedMs,
      source,
      views: views.includes(session) ? 1 : 0,
      viewers: views[0] === session ? 1 : 0,
      plays: own ? 0 : 1,
      ownPlays: own ? 1 : 0,
      watchMs: own ? 0 : watchedMs,
      completions: !own && completed ? 1 : 0,
      skips: !own && !completed && watchedMs < skippedMs ? 1 : 0,
      loops: own ? 0 : loops,
      reached: own ? undefined : percentOf(session),
    };
  });
}

function percentOf({ durationMs, furthestMs, ended, loops }: PlaySession): number | undefined {
  if (durationMs === 0) return undefined;
  return ended || loops > 0 ? 100 : Math.min(100, Math.floor((100 * furthestMs) / durationMs));
}

/** Of 100 plays, how many got to 0 %, 1 %, … 100 %, of how many got there and no further; none without a play. */
export function retentionOf(reached: readonly number[]): number[] {
  const curve: number[] = [];
  let plays = 0;
  for (const n of reached.toReversed()) {
    plays += n;
    curve.unshift(plays);
  }
  return plays === 0 ? [] : curve.map((n) => Math.round((10_000 * n) / plays) / 100);
}
