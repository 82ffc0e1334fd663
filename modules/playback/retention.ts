import { sql } from "kysely";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { archiveHour, lockArchive } from "./archive.ts";
import { isRead, openHours } from "./hour-closing.ts";
import {
  changePartitions,
  keptMs,
  listPartitions,
  notYet,
  type Partition,
  type Partitioned,
} from "./partitions.ts";
import { reachedBySql } from "./plays-by-sql.ts";
import { dayMs, hourMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** A lane to which nothing was appended for so long has been left by its process (lane-writer.ts). */
const leftMs = 2 * hourMs;
const statementTimeoutMs = 600_000;

interface Retention {
  db: Kysely<Tables>;
  blobs: BlobStore;
  /** How long what players told is kept in the database. */
  rawDays: number;
}

/**
 * Drops what is old, by whole partitions; what players told is archived before. Each step ends with a commit, and what one
 * did not get to, because others had the locks, the next run does.
 */
export async function dropOld(
  { db, blobs, rawDays }: Retention,
  nowMs: number,
  stopping?: AbortSignal,
): Promise<void> {
  const openMs = (await openHours(db))[0]?.startMs ?? Number.POSITIVE_INFINITY;
  const old = async (table: Partitioned, ms: number) =>
    (await listPartitions(db, table)).filter(({ endMs }) => endMs + ms <= nowMs);
  for (const day of byDay(await old("raw", rawDays * dayMs))) {
    stopping?.throwIfAborted();
    const endMs = startOf(day[0]!.startMs, dayMs) + dayMs;
    if (endMs + rawDays * dayMs > nowMs || endMs > openMs) break;
    if (!(await isProven(db, endMs))) break;
    for (const { startMs } of day) await archiveHour(db, blobs, startMs, nowMs);
    if (!(await dropRaw(db, day, endMs, nowMs))) break;
  }
  for (const table of ["session", "minute", "hour"] as const) {
    const partitions = (await old(table, keptMs[table])).filter(({ endMs }) => endMs <= openMs);
    if (partitions.length > 0) await changePartitions(db, (on) => drop(on, table, partitions));
  }
  for (const partition of await old("position", keptMs.position))
    await changePartitions(db, async (on) => {
      if (!(await isRead(on, "history", partition))) throw notYet;
      await drop(on, "position", [partition]);
    });
  await removeLanes(db, nowMs);
  await forgetHours(db, blobs, stopping);
}

function byDay(hours: Partition[]): Partition[][] {
  const days = new Map<number, Partition[]>();
  for (const hour of hours) {
    const day = startOf(hour.startMs, dayMs);
    days.set(day, [...(days.get(day) ?? []), hour]);
  }
  return [...days.values()];
}

async function isProven(db: Kysely<Tables>, untilMs: number): Promise<boolean> {
  const { rows } = await sql`
    select from playback.closed_hour where start_ms < ${untilMs} and recounted_ms is null limit 1`.execute(
    db,
  );
  return rows.length === 0;
}

/** A whole day at once, so that what there is of a day is all of it. */
function dropRaw(db: Kysely<Tables>, day: Partition[], endMs: number, nowMs: number): Promise<boolean> {
  const starts = day.map(({ startMs }) => startMs);
  const addReached = async (on: Transaction<Tables>) => {
    const { rows } = await sql`
      select from playback.closed_hour
      where start_ms = any(${starts}::int8[]) and archived_ms is not null and dropped_ms is null
        and recounted_ms is not null
      for update skip locked`.execute(on);
    // Others are at it, or it has been made anew since and is to be proven once more.
    if (rows.length < starts.length) throw notYet;
    await setStatementTimeout(on, statementTimeoutMs);
    const raw = sql`
      select * from playback.raw
      where started_ms >= ${sql.lit(endMs - dayMs)} and started_ms < ${sql.lit(endMs)}`;
    await sql`
      insert into playback.retention_before as b (video_id, part, reached) ${reachedBySql(raw)}
      on conflict (video_id, part) do update set reached = (
        select array_agg(x + y order by i) from unnest(b.reached, excluded.reached) with ordinality as u(x, y, i)
      )`.execute(on);
    await sql`
      update playback.closed_hour set dropped_ms = ${nowMs} where start_ms = any(${starts}::int8[])`.execute(
      on,
    );
  };
  return changePartitions(db, (on) => drop(on, "raw", day), addReached);
}

async function drop(on: Transaction<Tables>, table: Partitioned, partitions: Partition[]): Promise<void> {
  const names = sql.join(partitions.map(({ name }) => sql.id("playback", name)));
  // Another process may have dropped them since they were listed.
  await sql`drop table if exists ${names}`.execute(on);
  // The module is being moved: what is in the stream of changes still needs its place there.
  const { rows } = await sql`
    select from pg_replication_slots s join pg_publication p on p.pubname = s.slot_name
    join pg_publication_rel r on r.prpubid = p.oid join pg_class c on c.oid = r.prrelid
    where s.database = current_database() and c.relnamespace = 'playback'::regnamespace limit 1`.execute(on);
  if (rows.length > 0) throw notYet;
  const endMs = Math.max(...partitions.map((one) => one.endMs));
  await sql`
    update playback.kept set since_ms = greatest(since_ms, ${endMs}) where name = ${table}`.execute(on);
}

/** With what was read of them; of a lane that is not there, all has been read. */
async function removeLanes(db: Kysely<Tables>, nowMs: number): Promise<void> {
  await sql`
    with removed as (
      delete from playback.lane l where at_ms < ${nowMs - leftMs} and not exists (
        select from playback.part p
        left join playback.lane_offset o on o.reader = p.reader and o.part = p.part and o.lane = l.lane
        where coalesce(o.seq, 0) < l.seq
      ) returning lane
    )
    delete from playback.lane_offset o using removed r where o.lane = r.lane`.execute(db);
}

/** Hours whose figures are kept no more, with their archives; the last one stays, since all before it are closed. */
async function forgetHours(db: Kysely<Tables>, blobs: BlobStore, stopping?: AbortSignal): Promise<void> {
  const { rows } = await sql<{ start_ms: string; blob_key: string | null }>`
    select start_ms, blob_key from playback.closed_hour
    where start_ms < (select since_ms from playback.kept where name = 'hour') and dropped_ms is not null
      and start_ms < (select max(start_ms) from playback.closed_hour)
    order by 1`.execute(db);
  for (const { start_ms: startMs, blob_key: key } of rows) {
    stopping?.throwIfAborted();
    await inTransaction(db, async (transaction) => {
      if (key !== null) {
        await lockArchive(transaction, key);
        await blobs.remove(key);
      }
      await sql`delete from playback.closed_hour where start_ms = ${startMs}`.execute(transaction);
    });
  }
  await sql`
    delete from playback.day_rule where start_ms < (select min(since_ms) from playback.kept)`.execute(db);
}
