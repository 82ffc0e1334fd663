import type { Entry, PlaybackService } from "#contracts/gen/playback_pb.ts";
import { type reasons, refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { HistoryStore } from "../history-store.ts";
import type { Play, PlayTokens } from "../play-tokens.ts";
import { dayMs, maxEntries, sessionMs } from "../rules.ts";
import type { StorePlays, ToldPlay } from "../store-plays.ts";
import type { FindWatchable } from "../watchable-videos.ts";

type Refused = keyof typeof reasons;

/** What a player may be ahead of the clock here. */
const tolerance = 1.1;
/** How fast players play. */
const fastest = 4;
/** Rounding of players at the end of a video. */
const endSlackMs = 1_000;
const maxInt4 = 2 ** 31 - 1;
/** Nobody looks through all pictures of a post in less. */
const picturesMs = 1_000;
/** The most pictures that a post has. */
const maxPictures = 35;
const noon = dayMs / 2;
const dayForm = /^\d{4}-\d{2}-\d{2}$/;

/** Takes what players tell of sessions. */
export function report({
  tokens,
  watchable,
  store,
  isClosed,
  history,
  entriesOf,
  reportEveryMs,
  refused: countRefused,
}: {
  tokens: PlayTokens;
  watchable: FindWatchable;
  store: StorePlays;
  /** Whether nothing can be stored of what began then: clocks were wrong. */
  isClosed(startedMs: number): boolean;
  history: PerCall<HistoryStore>;
  /** By watcher: each is a row, of however many a report has. */
  entriesOf: RateLimit;
  /** How long a player should gather now. */
  reportEveryMs(): number;
  refused(reason: Refused): void;
}): Handlers<typeof PlaybackService>["report"] {
  return async ({ entries, today }, call) => {
    if (entries.length > maxEntries)
      throw refusal("INVALID_ARGUMENT", `entries: at most ${maxEntries} at once.`);
    const nowMs = Date.now();
    const refused: { index: number; reason: Refused }[] = [];
    const possible: (ToldPlay & { index: number })[] = [];
    entries.forEach((entry, index) => {
      const play = tokens.read(entry.token);
      const reason = play
        ? whyNot(play, entry, { nowMs, callerId: call.callerId, isClosed })
        : "PLAY_TOKEN_INVALID";
      if (reason) refused.push({ index, reason });
      else {
        const { positionMs, watchedMs, loops, ended, source, picture } = entry;
        const atMs = timeOf(play!, entry, nowMs);
        const told = { atMs, positionMs, watchedMs, loops, ended, source, picture };
        possible.push({ play: play!, told, furthestMs: entry.positionMs, index });
      }
    });
    for (const { play } of possible) await entriesOf.take(play.userId ?? `guest ${play.viewer}`);
    const watched = await stillThere(possible, call);
    for (const { index } of possible.filter((one) => !watched.has(one)))
      refused.push({ index, reason: "VIDEO_NOT_FOUND" });
    const accepted = possible.filter((one) => watched.has(one));
    if (accepted.length > 0) await store(accepted, call);
    for (const { reason } of refused) countRefused(reason);
    // What a page sends while it goes away is without its person's token.
    const userId = call.callerId ?? accepted.find(({ play }) => play.userId)?.play.userId;
    const isFirst =
      accepted.length > 0 &&
      userId !== undefined &&
      isNowSomewhere(today, nowMs) &&
      (await history(call).isFirstOn(userId, today));
    return {
      accepted: accepted.length,
      refused: refused.sort((a, b) => a.index - b.index),
      reportEveryMs: reportEveryMs(),
      firstToday: isFirst,
    };
  };

  /** What has been deleted or made private since is watched no more. */
  async function stillThere<Told extends ToldPlay>(all: Told[], call: ServedCall): Promise<Set<Told>> {
    const people = new Set(all.map(({ play }) => play.userId));
    const found = await Promise.all(
      [...people].map(async (userId) => {
        const theirs = all.filter(({ play }) => play.userId === userId);
        const ids = [...new Set(theirs.map(({ play }) => play.videoId))];
        const there = await watchable(ids, { ...call, callerId: userId });
        return theirs.filter(({ play }) => there.has(play.videoId));
      }),
    );
    return new Set(found.flat());
  }
}

function whyNot(
  { userId, startedMs, durationMs }: Play,
  { positionMs, watchedMs, loops, picture }: Entry,
  {
    nowMs,
    callerId,
    isClosed,
  }: { nowMs: number; callerId: string | undefined; isClosed(startedMs: number): boolean },
): Refused | undefined {
  const elapsedMs = nowMs - startedMs;
  if (elapsedMs > sessionMs || isClosed(startedMs)) return "PLAY_TOKEN_EXPIRED";
  if (callerId !== undefined && userId !== undefined && callerId !== userId) return "PLAY_TOKEN_FOREIGN";
  if (!(watchedMs >= 0 && watchedMs <= Math.max(0, elapsedMs) * tolerance)) return "PLAY_TOO_LONG";
  const mostLoops = (fastest * watchedMs) / (durationMs || picturesMs) + 1;
  if (!(Number.isInteger(loops) && loops >= 0 && loops <= mostLoops)) return "PLAY_TOO_LONG";
  const endMs = durationMs === 0 ? maxInt4 : durationMs + endSlackMs;
  if (!(positionMs >= 0 && positionMs <= endMs) || picture > maxPictures) return "PLAY_POSITION_INVALID";
  return undefined;
}

/** A clock that is wrong says neither that it was before the session began, nor that it is to come. */
function timeOf({ startedMs }: Play, { atMs }: Entry, nowMs: number): number {
  return Number.isFinite(atMs) ? Math.round(Math.min(nowMs, Math.max(startedMs, atMs))) : nowMs;
}

/** Whether there is such a day somewhere on earth now. */
export function isNowSomewhere(day: string, nowMs: number): boolean {
  const startMs = dayForm.test(day) ? Date.parse(day) : Number.NaN;
  if (!(Math.abs(startMs + noon - nowMs) <= 3 * noon)) return false;
  // To the parser the 31st of November is the 1st of December.
  return new Date(startMs).toISOString().startsWith(day);
}
