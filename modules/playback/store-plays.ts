import { createBatcher } from "#platform/db/batcher.ts";
import { fnv1a } from "#platform/hash/fnv1a.ts";
import type { Waited } from "#platform/rpc/call.ts";
import { partOf } from "./history-store.ts";
import type { AppendToLane, RawPlay, RawPosition } from "./lane-writer.ts";
import type { Play } from "./play-tokens.ts";
import { parts } from "./rules.ts";

/** What was told of a session, and was found to be possible. */
export interface ToldPlay {
  play: Play;
  told: {
    atMs: number;
    positionMs: number;
    watchedMs: number;
    loops: number;
    ended: boolean;
    source: number;
    picture: number;
  };
  /** Of several, the largest position. */
  furthestMs: number;
}

/** Stores durably what was told, together with what others tell at the same time. Error: BUSY. */
export type StorePlays = (told: ToldPlay[], asker: { readonly signal?: Waited }) => Promise<unknown>;

/** How many requests, of up to 100 sessions, one statement stores; and wait. */
const maxBatch = 200;
const maxWaiting = 2_000;

export function storePlays(append: AppendToLane, appended: (tookMs: number) => void): StorePlays {
  return createBatcher(
    async (batches: ToldPlay[][]) => {
      const sinceMs = performance.now();
      const all = merged(batches.flat());
      await append(all.map(toRawPlay), all.flatMap(toRawPosition));
      appended(performance.now() - sinceMs);
      return batches;
    },
    { maxBatch, maxWaiting },
  );
}

/** Several of one session are one: with the most of each, and where it was last. */
function merged(all: ToldPlay[]): ToldPlay[] {
  const sessions = new Map<string, ToldPlay>();
  for (const one of all) {
    const { session, videoId, startedMs } = one.play;
    const key = `${session} ${videoId} ${startedMs}`;
    const before = sessions.get(key);
    sessions.set(key, before ? mergeTold(before, one) : one);
  }
  return [...sessions.values()];
}

function mergeTold(a: ToldPlay, b: ToldPlay): ToldPlay {
  const last = b.told.atMs >= a.told.atMs ? b : a;
  return {
    play: a.play,
    furthestMs: Math.max(a.furthestMs, b.furthestMs),
    told: {
      ...last.told,
      watchedMs: Math.max(a.told.watchedMs, b.told.watchedMs),
      loops: Math.max(a.told.loops, b.told.loops),
      ended: a.told.ended || b.told.ended,
      source: Math.max(a.told.source, b.told.source),
    },
  };
}

/** Field by field: a rest of fields costs as much as all else of an entry. */
function toRawPlay({ play, told, furthestMs }: ToldPlay): RawPlay {
  const { videoId, viewer, authorId } = play;
  return {
    startedMs: play.startedMs,
    videoId,
    viewer,
    session: play.session,
    part: fnv1a(`${videoId} ${viewer}`) % parts,
    authorId,
    own: play.userId === authorId,
    durationMs: play.durationMs,
    source: told.source,
    positionMs: within(play, furthestMs),
    watchedMs: Math.round(told.watchedMs),
    loops: told.loops,
    ended: told.ended,
  };
}

function toRawPosition({ play, told }: ToldPlay): RawPosition[] {
  const { userId, kept, videoId, durationMs } = play;
  if (userId === undefined || !kept) return [];
  const positionMs = within(play, told.positionMs);
  const picture = durationMs === 0 ? told.picture : 0;
  const { atMs, ended } = told;
  return [{ userId, videoId, part: partOf(userId), atMs, positionMs, picture, ended }];
}

/** Posts of pictures have no positions. */
function within({ durationMs }: Play, positionMs: number): number {
  return Math.min(durationMs, Math.round(positionMs));
}
