/**
 * 64-bit ids in the order of time, after Twitter's Snowflake: 41 bits of milliseconds since 2024, 10 bits of
 * node, 12 bits of sequence. An id is a decimal string everywhere in TypeScript, never a number.
 */
export const epochMs = Date.UTC(2024, 0, 1);
export const maxNodes = 1024;
const sequences = 4096;

export interface Ids {
  /** A new id; with `afterMs` (Unix milliseconds), one of a later millisecond than that, whatever the clock says. */
  next(afterMs?: number): string;
}

export interface SnowflakeOptions {
  /** 0 to 1023, held by no other process. */
  node: number;
  /** No id is older than this, whatever the clock says (Unix milliseconds). */
  floorMs: number;
  nowMs: () => number;
}

export interface Snowflake extends Ids {
  /** The newest millisecond used so far. */
  usedMs(): number;
}

/** If the clock stands still or jumps back, ids continue from the last millisecond used: unique and ordered. */
export function createSnowflake({ node, floorMs, nowMs }: SnowflakeOptions): Snowflake {
  // A machine without a clock battery starts in 1970, where ids would be negative.
  let lastMs = Math.max(floorMs, epochMs);
  let sequence = sequences - 1;
  const nodeBits = BigInt(node) << 12n;
  return {
    next(afterMs = 0) {
      const clockMs = Math.max(nowMs(), afterMs + 1);
      if (clockMs > lastMs) {
        lastMs = clockMs;
        sequence = 0;
      } else if (++sequence === sequences) {
        lastMs++;
        sequence = 0;
      }
      return ((BigInt(lastMs - epochMs) << 22n) | nodeBits | BigInt(sequence)).toString();
    },
    usedMs: () => lastMs,
  };
}

/** When an id was made, in Unix milliseconds. */
export function timeOfId(id: string): number {
  return Number(BigInt(id) >> 22n) + epochMs;
}

/** The smallest id that could be made at a time; for seeds and searches by time. */
export function idAtTime(timeMs: number): bigint {
  return BigInt(timeMs - epochMs) << 22n;
}

/** The greatest id there can be. */
export const maxId = 2n ** 63n - 1n;

/** Whether a string is an id as we write them: decimal, positive, at most int64. */
export function isId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= maxId;
}

/** For lists of ids in a query, where each keeps its place: a malformed id becomes one that nothing has. */
export function idOrZero(text: string): string {
  return isId(text) ? text : "0";
}
