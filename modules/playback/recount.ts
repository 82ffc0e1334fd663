import { type RawBuilder, sql } from "kysely";
import type { KeptCount } from "#platform/db/recount.ts";
import {
  countedRaw,
  figureNames,
  figuresOfPlays,
  isLeft,
  isReaching,
  playsBySql,
  reachedOfPlay,
  sumsOfFigures,
} from "./plays-by-sql.ts";

const byName = sql`
  cross join lateral (values ${sql.join(figureNames.map((name) => sql`(${sql.lit(name)}, ${sql.id(name)}::numeric)`))}) f(name, n)`;

/** The sums of figures by the columns that rows of them are grouped by. */
const each = (grouped: RawBuilder<unknown>) => sql`
  select (video_id, start_ms, name), n from (${grouped}) g ${byName}`;
const summed = (table: string, spanMs: number, where = sql`true`) => {
  const start = spanMs === 0 ? sql`0::int8` : sql`start_ms - start_ms % ${sql.lit(spanMs)}`;
  return each(
    sql`select video_id, ${start} as start_ms, ${sumsOfFigures} from ${sql.id("playback", table)} where ${where} and ${isLeft} group by 1, 2`,
  );
};
const since = (table: string) =>
  sql`start_ms >= (select since_ms from playback.kept where name = ${sql.lit(table)})`;

const hour = 3_600_000;
const day = 24 * hour;

/** The figures of the hours from one on and before another one, and what `raw` says of them. */
export function figuresOfHours(
  raw: RawBuilder<unknown>,
  { from, to }: { from: RawBuilder<unknown>; to?: RawBuilder<unknown> },
): KeptCount {
  const within = (column: string) => {
    const at = sql.id(column);
    return to ? sql`${at} >= ${from} and ${at} < ${to}` : sql`${at} >= ${from}`;
  };
  return {
    what: "plays by the hour",
    kept: summed("hour", hour, within("start_ms")),
    facts: sql`${playsBySql(raw)} ${each(sql`
      select video_id, started_ms - started_ms % ${sql.lit(hour)} as start_ms, ${figuresOfPlays} from play
      where ${within("started_ms")} group by 1, 2`)}`,
  };
}

/** For `douya doctor --recount`: what is kept is compared with what players told, and each sum with what it is of. */
export const counts: readonly KeptCount[] = [
  figuresOfHours(countedRaw, { from: sql`(select since_ms from playback.kept where name = 'raw')` }),
  {
    what: "how far people watched",
    kept: sql`
      select (video_id, place), sum(n) from playback.retention, unnest(reached) with ordinality u(n, place)
      where ${isLeft} group by 1`,
    facts: sql`
      ${playsBySql(countedRaw)}
      select (video_id, place), sum(n) from (
        select video_id, (${reachedOfPlay} + 1)::int8 as place, count(*) as n from play where ${isReaching} group by 1, 2
        union all
        select video_id, place, n from playback.retention_before, unnest(reached) with ordinality u(n, place)
        where ${isLeft}
      ) told group by 1`,
  },
  {
    what: "hours, by the minute",
    kept: summed("hour", hour, since("minute")),
    facts: summed("minute", hour, since("minute")),
  },
  {
    what: "days, by the hour",
    kept: summed("day", day, since("hour")),
    facts: summed("hour", day, since("hour")),
  },
  {
    what: "figures of all time, by the day",
    kept: summed("total", 0),
    facts: summed("day", 0),
  },
  {
    what: "views, by where they came from",
    kept: sql`select (video_id, start_ms), sum(views) from playback.source_day where ${isLeft} group by 1`,
    facts: sql`select (video_id, start_ms), sum(views) from playback.day where ${isLeft} group by 1`,
  },
];
