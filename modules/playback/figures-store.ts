import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { type FigureName, figureColumns } from "./add-figures.ts";
import { dayMs, hourMs, minuteMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

/**
 * Windows that slide, whose last span is the one of now: 1,440 minutes and 672 hours at the most. Of all time a row for each
 * day (UTC) on which there was something: 365 a year.
 */
export const figureWindows = {
  "24h": { table: "minute", spanMs: minuteMs, spans: 24 * 60 },
  "28d": { table: "hour", spanMs: hourMs, spans: 28 * 24 },
  all: { table: "day", spanMs: dayMs, spans: Number.POSITIVE_INFINITY },
} as const;
export type FigureWindow = (typeof figureWindows)[keyof typeof figureWindows];

/** Of one video, or of all videos of an author. */
export type FiguresScope = { videoId: string } | { authorId: string };

export type FigureSums = Record<FigureName, number>;
const names = Object.keys(figureColumns) as FigureName[];

const maxVideos = 20;

export const firstMs = ({ spanMs, spans }: FigureWindow, nowMs: number): number =>
  spans === Number.POSITIVE_INFINITY ? 0 : startOf(nowMs, spanMs) - (spans - 1) * spanMs;

/** The SQL of what authors learn; it reads what there is of the video, or of the author, in the window, and nothing else. */
export function figuresStore(db: Kysely<Tables>) {
  return {
    /** The series, in its order, and of an author the most viewed videos. */
    async sums(scope: FiguresScope, { table }: FigureWindow, sinceMs: number) {
      const sums = sql.join(
        names.map((name) => sql`sum(${sql.id(figureColumns[name])})::int8 as ${sql.id(name)}`),
      );
      // One look at the rows for both.
      const sets = "videoId" in scope ? sql`(start_ms)` : sql`grouping sets ((start_ms), (video_id))`;
      const videos =
        "videoId" in scope
          ? sql``
          : sql`union all (
              select video_id, null, ${sql.join(names.map((name) => sql.id(name)))} from summed
              where video_id is not null and views > 0 order by views desc, video_id desc limit ${maxVideos}
            )`;
      const { rows } = await sql<
        Record<FigureName, string> & { video_id: string | null; start_ms: string | null }
      >`
        with summed as (
          select ${"videoId" in scope ? sql`null::int8 as video_id` : sql`video_id`}, start_ms, ${sums}
          from ${sql.id("playback", table)} where ${isOf(scope)} and start_ms >= ${sinceMs} group by ${sets}
        )
        (select video_id, start_ms, ${sql.join(names.map((name) => sql.id(name)))} from summed
          where start_ms is not null order by start_ms)
        ${videos}`.execute(db);
      const read = rows.map((row) => ({ ...row, sums: toSums(row) }));
      return {
        series: read.flatMap(({ start_ms, sums }) =>
          start_ms === null ? [] : [{ startMs: Number(start_ms), sums }],
        ),
        videos: read.flatMap(({ video_id, start_ms, sums }) =>
          video_id === null || start_ms !== null ? [] : [{ videoId: video_id, sums }],
        ),
      };
    },
    /** Followers won and lost, by the beginning of each span. */
    async followers(
      authorId: string,
      { spanMs }: FigureWindow,
      sinceMs: number,
    ): Promise<Map<number, number>> {
      const { rows } = await sql<{ start_ms: string; followers: string }>`
        select start_ms, followers from playback.followers
        where author_id = ${authorId} and span_ms = ${spanMs} and start_ms >= ${sinceMs}`.execute(db);
      return new Map(rows.map((row) => [Number(row.start_ms), Number(row.followers)]));
    },
    /** Of whole days (UTC), from the one on which this is. */
    async sources(scope: FiguresScope, sinceMs: number): Promise<{ source: number; views: number }[]> {
      const { rows } = await sql<{ source: number; views: string }>`
        select source, sum(views)::int8 as views from playback.source_day
        where ${isOf(scope)} and start_ms >= ${startOf(sinceMs, dayMs)} group by 1 having sum(views) <> 0`.execute(
        db,
      );
      return rows.map((row) => ({ source: row.source, views: Number(row.views) }));
    },
    /** How many plays got to 0 %, 1 %, … 100 % of a video, and no further; of all time. */
    async reached(videoId: string): Promise<number[]> {
      const { rows } = await sql<{ n: string }>`
        select sum(n)::int8 as n from playback.retention, unnest(reached) with ordinality r(n, percent)
        where video_id = ${videoId} group by percent order by percent`.execute(db);
      return rows.map((row) => Number(row.n));
    },
  };
}

export type FiguresStore = ReturnType<typeof figuresStore>;

const isOf = (scope: FiguresScope) =>
  "videoId" in scope ? sql`video_id = ${scope.videoId}` : sql`author_id = ${scope.authorId}`;

const toSums = (row: Record<FigureName, string>): FigureSums =>
  Object.fromEntries(names.map((name) => [name, Number(row[name])])) as FigureSums;
