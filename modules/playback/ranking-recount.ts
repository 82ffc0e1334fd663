import type { KeptCount } from "#platform/db/recount.ts";
import { countOfTotals, countsOfFacts, databaseNowMs } from "#platform/ranking/ranking-counts.ts";
import { facts, ranked } from "./ranking-store.ts";

/** `nowMs`: SQL. */
export const rankingCounts = (nowMs = databaseNowMs): KeptCount[] => [
  countOfTotals("ranked videos", ranked),
  ...countsOfFacts("ranked videos by time", "ranked videos of all time", ranked, facts, nowMs),
];
