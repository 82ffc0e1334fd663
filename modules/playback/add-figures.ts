import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import { partitioned } from "./partitions.ts";
import { dayMs, hourMs, minuteMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** What is counted of a video, and its column. */
export const figureColumns = {
  views: "views",
  viewers: "viewers",
  plays: "plays",
  ownPlays: "own_plays",
  watchMs: "watch_ms",
  completions: "completions",
  skips: "skips",
  loops: "loops",
  likes: "likes",
  comments: "comments",
  shares: "shares",
} as const;
export type FigureName = keyof typeof figureColumns;

/** What has changed of some numbers of one video in a span of time. */
export type ChangeOf<Name extends FigureName> = Record<Name, number> & {
  videoId: string;
  authorId: string;
  startMs: number;
};

/** The tables of figures, and the time that a row of theirs has; in `total` everything begins at 0. */
const spansMs = {
  minute: minuteMs,
  hour: hourMs,
  day: dayMs,
  total: Number.MAX_SAFE_INTEGER,
} as const;
type Table = keyof typeof spansMs;

/** Those of which partitions are needed. */
export const partitionedSpans = (Object.keys(spansMs) as Table[]).filter((table) => table in partitioned) as (
  | "minute"
  | "hour"
)[];

/**
 * Adds what has changed by the minute to minutes, hours, days and totals. Rows are added to in the order of their keys, so
 * that two transactions never wait for each other. `part`: of whoever adds.
 */
export async function addFigures<Name extends FigureName>(
  on: Transaction<Tables>,
  part: number,
  names: readonly Name[],
  minutes: readonly ChangeOf<Name>[],
  /** Whether the table keeps what is so old. */
  isKept: (table: Table, startMs: number) => boolean = () => true,
): Promise<void> {
  for (const table of Object.keys(spansMs) as Table[]) {
    const kept = minutes.filter(({ startMs }) => isKept(table, startMs));
    await add(on, table, part, names, summed(kept, names, spansMs[table]));
  }
}

async function add<Name extends FigureName>(
  on: Transaction<Tables>,
  table: Table,
  part: number,
  names: readonly Name[],
  changes: readonly ChangeOf<Name>[],
): Promise<void> {
  if (changes.length === 0) return;
  const columns = names.map((name) => sql.id(figureColumns[name]));
  const values = sql.join(names.map((name) => sql`${changes.map((change) => change[name])}::int8[]`));
  const sums = sql.join(columns.map((column) => sql`${column} = t.${column} + excluded.${column}`));
  await sql`
    insert into ${sql.id("playback", table)} as t (part, video_id, start_ms, author_id, ${sql.join(columns)})
    select ${part}::int2, * from unnest(${changes.map(({ videoId }) => videoId)}::int8[],
      ${changes.map(({ startMs }) => startMs)}::int8[], ${changes.map(({ authorId }) => authorId)}::int8[], ${values})
    order by 2, 3
    on conflict (video_id, start_ms, part) do update set ${sums}`.execute(on);
}

/** The same by longer spans. */
function summed<Name extends FigureName>(
  minutes: readonly ChangeOf<Name>[],
  names: readonly Name[],
  spanMs: number,
): ChangeOf<Name>[] {
  const sums = new Map<string, ChangeOf<Name>>();
  for (const minute of minutes) {
    const startMs = startOf(minute.startMs, spanMs);
    const key = `${minute.videoId} ${startMs}`;
    const sum = sums.get(key);
    if (!sum) sums.set(key, { ...minute, startMs });
    else for (const name of names) (sum[name] as number) += minute[name];
  }
  return [...sums.values()];
}
