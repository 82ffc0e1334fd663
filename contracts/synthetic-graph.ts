import { sql } from "kysely";
import { idAtTime } from "../platform/ids/snowflake.ts";

/** A synthetic dataset of a given size, the same in every module because ids follow from numbers. */
export interface SyntheticGraph {
  users: number;
  follows: number;
  videos: number;
  /** When the newest video was published, in Unix milliseconds; each other one is a second older. */
  newestMs: number;
  /** The password of every synthetic person. */
  passwordHash: string;
  /** Real clips that the videos show, by the ids of published videos. */
  clipIds: string[];
}

/** Smaller ids are unused; person n and video n have the n-th id after these, n from 1. */
export const syntheticUserBase = idAtTime(Date.UTC(2024, 0, 2)).toString();
const syntheticVideoBase = idAtTime(Date.UTC(2024, 0, 3)).toString();

/**
 * The videos from..to of the dataset, as a table of the columns n, id, author_id and published_ms: each a second
 * older than the one before, by people in turn.
 */
export function syntheticVideos(graph: SyntheticGraph, from: number, to: number) {
  const authors = Math.max(1, graph.users);
  return sql`(
    select n, ${syntheticVideoBase}::int8 + n as id, ${syntheticUserBase}::int8 + 1 + n % ${authors}::int as author_id,
      ${graph.newestMs}::int8 - (${graph.videos}::int8 - n) * 1000 as published_ms
    from generate_series(${from}::int, ${to}::int) n
  )`;
}

/** Splits 1..total into ranges, so that no statement runs for minutes and progress can be shown. */
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
