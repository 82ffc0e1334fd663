import { idAtTime } from "../ids/snowflake.ts";

/** A made-up world of a given size, the same in every module because ids follow from numbers. */
export interface SyntheticGraph {
  users: number;
  follows: number;
  videos: number;
  /** When the newest video was published, Unix milliseconds; the others each a second before. */
  newestMs: number;
  /** Of every synthetic person. */
  passwordHash: string;
  /** Real clips that the videos show, by the ids of published videos. */
  clipIds: string[];
}

/** Ids before these are nobody's; person and video n have the n-th after them, n from 1. */
export const syntheticUserBase = idAtTime(Date.UTC(2024, 0, 2)).toString();
export const syntheticVideoBase = idAtTime(Date.UTC(2024, 0, 3)).toString();

/** Splits 1..total into ranges, so that no statement runs for minutes and progress can be told. */
export async function inRanges(
  total: number,
  size: number,
  work: (from: number, to: number) => Promise<unknown>,
  done: (count: number) => void,
): Promise<void> {
  for (let from = 1; from <= total; from += size) {
    const to = Math.min(total, from + size - 1);
    await work(from, to);
    done(to);
  }
}
