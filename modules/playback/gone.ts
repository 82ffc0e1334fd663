import { sql } from "kysely";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Tables } from "./tables.ts";

/**
 * Of deleted videos and people a mark stays, so that what is still to be read brings nothing of theirs back. Whoever counts
 * holds this lock together with others while they do, and whoever marks holds it alone: so what counts sees the mark, or
 * was done before, and what removes sees what it has added.
 */
const lock = sql.raw("hashtextextended('playback.gone', 0)");

/** Those that are not deleted, nor will be before the transaction has ended. */
export async function videosLeft(on: Transaction<Tables>, videoIds: Iterable<string>): Promise<Set<string>> {
  await holdMarks(on);
  const { rows } = await sql<{ video_id: string }>`
    select video_id from playback.gone_video where video_id = any(${[...new Set(videoIds)]}::int8[])`.execute(
    on,
  );
  const left = new Set(videoIds);
  for (const row of rows) left.delete(row.video_id);
  return left;
}

/** The same of people. */
export async function peopleLeft(on: Transaction<Tables>, userIds: Iterable<string>): Promise<Set<string>> {
  await holdMarks(on);
  const { rows } = await sql<{ user_id: string }>`
    select user_id from playback.person where user_id = any(${[...new Set(userIds)]}::int8[]) and gone`.execute(
    on,
  );
  const left = new Set(userIds);
  for (const row of rows) left.delete(row.user_id);
  return left;
}

/**
 * No video or person is marked before the transaction has ended. A statement of its own, since a statement sees what was so
 * when it began.
 */
export async function holdMarks(on: Transaction<Tables>): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${lock})`.execute(on);
}

export function markVideosGone(db: Kysely<Tables>, videoIds: string[]): Promise<void> {
  return marking(db, async (on) => {
    await sql`
      insert into playback.gone_video select unnest(${videoIds}::int8[]) on conflict do nothing`.execute(on);
  });
}

/** Leaves only the mark of what is kept in this row. */
export function markPersonGone(db: Kysely<Tables>, userId: string): Promise<void> {
  return marking(db, async (on) => {
    await sql`
      insert into playback.person (user_id, gone) values (${userId}, true)
      on conflict (user_id) do update set gone = true, paused = false, cleared_ms = 0, watched_on = null`.execute(
      on,
    );
  });
}

function marking(db: Kysely<Tables>, mark: (on: Transaction<Tables>) => Promise<void>): Promise<void> {
  return inTransaction(db, async (transaction) => {
    await sql`select pg_advisory_xact_lock(${lock})`.execute(transaction);
    await mark(transaction);
  });
}
