import { sql } from "kysely";
import { type Kysely, type Transaction, withSignal } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import { holdMarks } from "./gone.ts";
import { listPartitions } from "./partitions.ts";
import {
  countedRaw,
  figureColumns,
  figuresOfPlays,
  playsBySql,
  reachedBySql,
  sumsOfFigures,
} from "./plays-by-sql.ts";
import { dayMs, hourMs, minuteMs, parts, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

const statementTimeoutMs = 600_000;

/**
 * Makes sessions and figures anew from what players told, a day at a time; of days of which the database has it no more,
 * figures stay, and totals are made of all days. It serves meanwhile: what is told is kept, and counted after the day under
 * way. Begun again, it begins with the first day, and comes to the same.
 */
export function rebuildViews(db: Kysely<Tables>): JobKind {
  return {
    maxAttempts: 5,
    timeoutMs: 24 * hourMs,
    async run(job) {
      const until = withSignal(job.signal, db);
      for (const dayStartMs of await daysOf(until))
        await withoutReaders(until, (on) => rebuildDay(on, dayStartMs));
      await withoutReaders(until, async (on) => {
        await rebuildTotals(on);
        await job.finish(on);
      });
    },
  };
}

async function daysOf(db: Kysely<Tables>): Promise<number[]> {
  const hours = await listPartitions(db, "raw");
  return [...new Set(hours.map(({ startMs }) => startOf(startMs, dayMs)))];
}

/** Nothing is counted and nothing dropped meanwhile. */
function withoutReaders(db: Kysely<Tables>, work: (on: Transaction<Tables>) => Promise<void>): Promise<void> {
  return inTransaction(db, async (transaction) => {
    await setStatementTimeout(transaction, statementTimeoutMs);
    await holdMarks(transaction);
    await sql`select from playback.part where reader = 'plays' order by part for update`.execute(transaction);
    await sql`lock table playback.raw in access share mode`.execute(transaction);
    await work(transaction);
  });
}

/** Likes, comments and shares are counted in a part of their own. */
const ofPlays = sql`part < ${sql.lit(parts)}`;
const spans = { minute: minuteMs, hour: hourMs, day: dayMs } as const;

async function rebuildDay(on: Transaction<Tables>, dayStartMs: number): Promise<void> {
  const { rows: kept } = await sql`
    select from playback.kept where name = 'raw' and since_ms <= ${dayStartMs}`.execute(on);
  // Dropped since the days were listed.
  if (kept.length === 0) return;
  const within = (column: string) =>
    sql`${sql.id(column)} >= ${sql.lit(dayStartMs)} and ${sql.id(column)} < ${sql.lit(dayStartMs + dayMs)}`;
  const isKept = (table: string) =>
    sql`${sql.lit(dayStartMs)} >= (select since_ms from playback.kept where name = ${sql.lit(table)})`;
  const raw = sql`${countedRaw} and ${within("started_ms")}`;
  await sql`create temp table rebuilt on commit drop as ${playsBySql(raw)} select * from play`.execute(on);
  await sql`delete from playback.session where ${within("started_ms")}`.execute(on);
  await sql`
    insert into playback.session (video_id, viewer, started_ms, session, author_id, own, duration_ms, source, watched_ms,
      furthest_ms, loops, ended)
    select video_id, viewer, started_ms, session, author_id, own, duration_ms, source, watched_ms, furthest_ms, loops, ended
    from rebuilt where ${isKept("session")}`.execute(on);
  for (const [table, spanMs] of Object.entries(spans)) {
    const name = sql.id("playback", table);
    const kept = table === "day" ? sql`true` : isKept(table);
    await sql`delete from ${name} where ${within("start_ms")} and ${ofPlays}`.execute(on);
    await sql`
      insert into ${name} (video_id, start_ms, part, author_id, ${figureColumns})
      select video_id, started_ms - started_ms % ${sql.lit(spanMs)}, part, min(author_id), ${figuresOfPlays}
      from rebuilt where ${kept} group by 1, 2, 3`.execute(on);
  }
  await sql`delete from playback.source_day where ${within("start_ms")}`.execute(on);
  await sql`
    insert into playback.source_day (video_id, start_ms, source, part, author_id, views)
    select video_id, day_ms, source, part, min(author_id), count(*) from rebuilt where is_view
    group by 1, 2, 3, 4`.execute(on);
  // The proof of its hours is given anew.
  await sql`
    update playback.closed_hour set recounted_ms = null, differences = null where ${within("start_ms")}`.execute(
    on,
  );
  await sql`drop table rebuilt`.execute(on);
}

async function rebuildTotals(on: Transaction<Tables>): Promise<void> {
  await sql`delete from playback.total where ${ofPlays}`.execute(on);
  await sql`
    insert into playback.total (video_id, start_ms, part, author_id, ${figureColumns})
    select video_id, 0, part, min(author_id), ${sumsOfFigures} from playback.day where ${ofPlays}
    group by video_id, part`.execute(on);
  await sql`delete from playback.retention`.execute(on);
  await sql`
    insert into playback.retention as r (video_id, part, reached)
    select video_id, part, reached from playback.retention_before`.execute(on);
  await sql`
    insert into playback.retention as r (video_id, part, reached) ${reachedBySql(countedRaw)}
    on conflict (video_id, part) do update set reached = (
      select array_agg(x + y order by i) from unnest(r.reached, excluded.reached) with ordinality as u(x, y, i)
    )`.execute(on);
}
