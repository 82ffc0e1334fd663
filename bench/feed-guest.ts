import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import { type AskedPage, apiFeed, classicFeed } from "./client.ts";
import { cachedPages, comparePages } from "./page-rates.ts";
import { type Row, ratioRow } from "./scoreboard.ts";

/** The public feed of 30 videos by the classic API. */
export const feedGuest: Bench = (environment, options) =>
  measure(environment, options, { name: "feed-guest", page: classicFeed(), atLeast: 0.6 });

/** The first page of 10 that our own client requests. */
export const feedApiGuest: Bench = (environment, options) =>
  measure(environment, options, { name: "feed-api-guest", page: apiFeed(), atLeast: 0.5 });

async function measure(
  environment: BenchEnvironment,
  options: BenchOptions,
  { name, page, atLeast }: { name: string; page: AskedPage; atLeast: number },
): Promise<Row[]> {
  const server = await environment.serve({ profileDir: options.profileDir });
  const { compared, detail, stop } = await comparePages(environment, server, [page], options);
  await Promise.all([stop(), server.stop()]);
  return [ratioRow(name, cachedPages, compared, { atLeast }, detail)];
}
