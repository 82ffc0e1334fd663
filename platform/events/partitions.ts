import type { Pool, PoolClient } from "pg";
import { fnv1a } from "../hash/fnv1a.ts";

/**
 * A partition of a log: a part of its keys, whose order it keeps. Of one that was split from another, its `parent`, the
 * events up to the position `since` are in that.
 */
export interface Partition {
  partition: number;
  parent?: number;
  since?: number;
}

/** From this position on, events are in one of so many partitions. */
export interface Partitioning {
  since: number;
  partitions: number;
}

/** Of a log whose partitions were never split. */
export const unsplit: readonly Partitioning[] = [{ since: 0, partitions: 16 }];

/** Of which the partition of a key is the remainder, by FNV-1a: the same in every version and on every machine. */
export function partitionHash(key: string): number {
  const hash = fnv1a(key);
  // The low bits of FNV-1a are weak for short keys.
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Each number is a multiple of the one before. So a key that leaves a partition leaves it for one that is split from it. */
export function partitionsAfter(history: readonly Partitioning[]): Partition[] {
  const last = history.at(-1)!;
  return Array.from({ length: last.partitions }, (_, partition) => {
    const i = history.findIndex(({ partitions }) => partitions > partition);
    return i === 0
      ? { partition }
      : { partition, parent: partition % history[i - 1]!.partitions, since: history[i]!.since };
  });
}

/** A partition, and those from which it was split. */
export function lineOf({ partition, parent }: Partition, all: readonly Partition[]): number[] {
  return parent === undefined ? [partition] : [partition, ...lineOf(all[parent]!, all)];
}

export async function readPartitioning(pool: Pool | PoolClient): Promise<Partitioning[]> {
  const { rows } = await pool.query<{ since: string; partitions: number }>(
    "select since, partitions from events.partitioning order by since",
  );
  return rows.map(({ since, partitions }) => ({ since: Number(since), partitions }));
}

/** In one line, for those who have only the stream: `0:16 5120:32`. */
export function formatPartitioning(history: readonly Partitioning[]): string {
  return history.map(({ since, partitions }) => `${since}:${partitions}`).join(" ");
}

/** Undefined for what formatPartitioning has not written. */
export function parsePartitioning(text: string): Partitioning[] | undefined {
  if (!/^\d{1,15}:\d{1,4}(?: \d{1,15}:\d{1,4})*$/.test(text)) return undefined;
  return text.split(" ").map((one) => {
    const [since, partitions] = one.split(":").map(Number);
    return { since: since!, partitions: partitions! };
  });
}
