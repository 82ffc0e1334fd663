import type { LogRow } from "../log/log-row.ts";
import type { StreamedRow } from "./event-stream.ts";

/** Events that follow each other without a hole: all of those in (after, upTo], in every partition. */
export interface Window {
  readonly after: number;
  readonly upTo: number;
  /** Whether it tells what comes after a position. */
  covers(position: number): boolean;
  /** Adds what follows. What it has already changes nothing. False when something in between is missing. */
  add(event: StreamedRow): boolean;
  /** At most so many events of a partition after a position, of these types. */
  rows(partition: number, position: number, types: readonly string[], limit: number): LogRow[];
  size(): number;
}

/** `maxRows`: more push out the oldest; undefined: all stay. */
export function createWindow(position: number, maxRows = Number.POSITIVE_INFINITY): Window {
  // Two halves, of which the older one goes when the newer one is full.
  let older = newHalf(position);
  let newer = newHalf(position);

  return {
    get after() {
      return older.after;
    },
    get upTo() {
      return newer.upTo;
    },
    covers: (at) => at >= older.after && at < newer.upTo,
    add({ position: at, previous, row }) {
      if (at <= newer.upTo) return true;
      if (previous > newer.upTo) return false;
      if (newer.size >= maxRows / 2) {
        older = newer;
        newer = newHalf(older.upTo);
      }
      const rows = newer.rows.get(row.partition) ?? [];
      rows.push(row);
      newer.rows.set(row.partition, rows);
      newer.size++;
      newer.upTo = at;
      return true;
    },
    rows(partition, at, types, limit) {
      const found: LogRow[] = [];
      for (const { rows, upTo } of [older, newer]) {
        const own = upTo > at ? (rows.get(partition) ?? []) : [];
        for (let i = firstAfter(own, at); i < own.length && found.length < limit; i++)
          if (types.includes(own[i]!.type)) found.push(own[i]!);
      }
      return found;
    },
    size: () => older.size + newer.size,
  };
}

interface Half {
  after: number;
  upTo: number;
  size: number;
  rows: Map<number, LogRow[]>;
}

function newHalf(position: number): Half {
  return { after: position, upTo: position, size: 0, rows: new Map() };
}

/** The index of the first row after a position. */
function firstAfter(rows: LogRow[], position: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Number(rows[middle]!.position) > position) high = middle;
    else low = middle + 1;
  }
  return low;
}
