import type { Entry, PlaybackService } from "#contracts/gen/playback_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { fnv1a } from "#platform/hash/fnv1a.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { HistoryStore } from "../history-store.ts";
import type { AppendToLane, RawPlay, RawPosition } from "../lane-writer.ts";
import type { Play, PlayTokens } from "../play-tokens.ts";
import { dayMs, maxEntries, parts, sessionMs } from "../rules.ts";
import type { FindWatchable } from "../watchable-videos.ts";

/** Why an entry is refused. */
export const refusedReasons = [
  "PLAY_TOKEN_INVALID",
  "PLAY_TOKEN_EXPIRED",
  "PLAY_TOKEN_FOREIGN",
  "PLAY_TOO_LONG",
  "PLAY_POSITION_INVALID",
  "VIDEO_NOT_FOUND",
] as const;
type Refused = (typeof refusedReasons)[number];

/** How long a player should gather; more while others wait to be stored. */
const reportEveryMs = 10_000;
const maxReportEveryMs = 60_000;
const slowAppendMs = 500;
/** What a player may be ahead of the clock here. */
const tolerance = 1.1;
/** Rounding of players at the end of a video. */
const endSlackMs = 1_000;
/** Loops beyond are as good as forged. */
const maxInt4 = 2 ** 31 - 1;

interface Accepted {
  play: Play;
  entry: Entry;
  /** Of several entries, the largest position. */
  furthestMs: number;
}

/** Takes what players tell of sessions. */
export function report({
  tokens,
  watchable,
  append,
  history,
  appended,
  refused: countRefused,
}: {
  tokens: PlayTokens;
  watchable: FindWatchable;
  append: AppendToLane;
  history: PerCall<HistoryStore>;
  /** Something is to be counted. */
  appended(): void;
  refused(reason: Refused): void;
}): Handlers<typeof PlaybackService>["report"] {
  let everyMs = reportEveryMs;
  const store = createBatcher(
    async (batches: Accepted[][]) => {
      const sinceMs = performance.now();
      const all = merged(batches.flat());
      await append(all.map(toRawPlay), all.flatMap(toRawPosition));
      appended();
      const tookMs = performance.now() - sinceMs;
      everyMs = Math.min(maxReportEveryMs, Math.max(reportEveryMs, (reportEveryMs * tookMs) / slowAppendMs));
      return batches;
    },
    { maxBatch: 500 },
  );

  return async ({ entries, today }, call) => {
    if (entries.length > maxEntries)
      throw refusal("INVALID_ARGUMENT", `entries: at most ${maxEntries} at once.`);
    const nowMs = Date.now();
    const refused: { index: number; reason: Refused }[] = [];
    const accepted: (Accepted & { index: number })[] = [];
    entries.forEach((entry, index) => {
      const play = tokens.read(entry.token);
      const reason = play ? whyNot(play, entry, nowMs, call.callerId) : "PLAY_TOKEN_INVALID";
      if (reason) refused.push({ index, reason });
      else {
        const told = { ...entry, atMs: timeOf(play!, entry, nowMs) };
        accepted.push({ play: play!, entry: told, furthestMs: entry.positionMs, index });
      }
    });
    const stored = await stillThere(accepted, call);
    for (const { index } of accepted.filter((one) => !stored.includes(one)))
      refused.push({ index, reason: "VIDEO_NOT_FOUND" });
    if (stored.length > 0) await store(stored, call);
    for (const { reason } of refused) countRefused(reason);
    const userId = call.callerId ?? stored.find(({ play }) => play.userId)?.play.userId;
    const firstToday =
      stored.length > 0 && userId !== undefined && isDay(today, nowMs)
        ? await history(call).isFirstOn(userId, today)
        : false;
    return {
      accepted: stored.length,
      refused: refused.sort((a, b) => a.index - b.index),
      reportEveryMs: Math.round(everyMs),
      firstToday,
    };
  };

  /** What has been deleted or made private since is watched no more. */
  async function stillThere<Told extends Accepted>(told: Told[], call: ServedCall): Promise<Told[]> {
    const people = new Set(told.map(({ play }) => play.userId));
    const found = await Promise.all(
      [...people].map(async (userId) => {
        const of = told.filter(({ play }) => play.userId === userId);
        const ids = [...new Set(of.map(({ play }) => play.videoId))];
        const there = await watchable(ids, { ...call, callerId: userId });
        return of.filter(({ play }) => there.has(play.videoId));
      }),
    );
    return found.flat();
  }
}

function whyNot(
  { userId, startedMs, durationMs }: Play,
  { positionMs, watchedMs, loops, picture }: Entry,
  nowMs: number,
  callerId: string | undefined,
): Refused | undefined {
  const elapsedMs = nowMs - startedMs;
  if (elapsedMs > sessionMs) return "PLAY_TOKEN_EXPIRED";
  // What a page sends while it goes away has no token of its person.
  if (callerId !== undefined && userId !== undefined && callerId !== userId) return "PLAY_TOKEN_FOREIGN";
  if (!(watchedMs >= 0 && watchedMs <= Math.max(0, elapsedMs) * tolerance)) return "PLAY_TOO_LONG";
  if (!(Number.isInteger(loops) && loops >= 0)) return "PLAY_TOO_LONG";
  if (durationMs > 0 && loops * durationMs > watchedMs + durationMs) return "PLAY_TOO_LONG";
  if (durationMs === 0 && loops > maxInt4) return "PLAY_TOO_LONG";
  const endMs = durationMs === 0 ? maxInt4 : durationMs + endSlackMs;
  if (!(positionMs >= 0 && positionMs <= endMs) || picture > 1_000) return "PLAY_POSITION_INVALID";
  return undefined;
}

/** A clock that is wrong says neither that it was before the session began, nor that it is to come. */
function timeOf({ startedMs }: Play, { atMs }: Entry, nowMs: number): number {
  return Number.isFinite(atMs) ? Math.round(Math.min(nowMs, Math.max(startedMs, atMs))) : nowMs;
}

/** One that there is now somewhere on earth. */
function isDay(day: string, nowMs: number): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(day) && Math.abs(Date.parse(day) + dayMs / 2 - nowMs) <= 1.5 * dayMs;
}

/** Several reports of one session within a batch are one: with the most of each, and where it was last. */
function merged(told: Accepted[]): Accepted[] {
  const sessions = new Map<string, Accepted>();
  for (const one of told) {
    const key = `${one.play.session} ${one.play.videoId}`;
    const before = sessions.get(key);
    if (!before) {
      sessions.set(key, one);
      continue;
    }
    const [a, b] = [before.entry, one.entry];
    const last = b.atMs >= a.atMs ? b : a;
    sessions.set(key, {
      play: one.play,
      furthestMs: Math.max(before.furthestMs, one.furthestMs),
      entry: {
        ...last,
        watchedMs: Math.max(a.watchedMs, b.watchedMs),
        loops: Math.max(a.loops, b.loops),
        ended: a.ended || b.ended,
        source: Math.max(a.source, b.source),
      },
    });
  }
  return [...sessions.values()];
}

function toRawPlay({ play, entry, furthestMs }: Accepted): RawPlay {
  const { userId: _, kept: __, ...facts } = play;
  return {
    ...facts,
    part: fnv1a(`${play.videoId} ${play.viewer}`) % parts,
    own: play.userId === play.authorId,
    source: entry.source,
    positionMs: play.durationMs === 0 ? 0 : Math.min(play.durationMs, Math.round(furthestMs)),
    watchedMs: Math.round(entry.watchedMs),
    loops: entry.loops,
    ended: entry.ended,
  };
}

function toRawPosition({ play, entry }: Accepted): RawPosition[] {
  const { userId, kept, videoId, durationMs } = play;
  if (userId === undefined || !kept) return [];
  return [
    {
      ...{ userId, videoId },
      part: fnv1a(userId) % parts,
      atMs: entry.atMs,
      positionMs: durationMs === 0 ? 0 : Math.min(durationMs, Math.round(entry.positionMs)),
      picture: durationMs === 0 ? entry.picture : 0,
      ended: entry.ended,
    },
  ];
}
