import { sql } from "kysely";
import { unlessDeleted } from "#contracts/deleted-accounts.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type LateTold, tellEveryMs, toldLately } from "./late-teller.ts";
import type { Tables } from "./tables.ts";
import { appendAndEmit, type NewEntry } from "./timeline-store.ts";

/** Rows in one statement of a chore. */
const chunk = 500;
const keptMs = 3_600_000;

/** Somebody whose messages in a group others have read, up to one. */
export interface Read {
  user_id: string;
  group_id: string;
  read_id: string;
}

/** It was read by others: who it was is asked, so that nothing is left of a reader in what others were told. */
const entryOf = ({ user_id, group_id, read_id }: Read, atMs: number): NewEntry => ({
  ...{ userId: user_id, kind: "read", atMs, peerId: group_id, subjectId: read_id, actorId: group_id },
  unread: 0,
});

/**
 * The entries that tell people now that they were read: of a group one in a few seconds, or fifty readers of one message
 * would be fifty entries. The others wait, the first until `lateAtMs`.
 */
export async function readersTold(
  on: Queryable<Tables>,
  reads: readonly Read[],
  nowMs = Date.now(),
): Promise<{ entries: NewEntry[]; lateAtMs: number | undefined }> {
  if (reads.length === 0) return { entries: [], lateAtMs: undefined };
  const { fromMs, toMs } = toldLately(nowMs);
  const { rows } = await sql<Read & { waits: boolean; told_ms: string }>`
    insert into message.told_readers as t (user_id, group_id, told_ms, read_id, waits)
    select user_id, group_id, ${nowMs}, max(read_id), false
    from unnest(${reads.map((one) => one.user_id)}::int8[], ${reads.map((one) => one.group_id)}::int8[],
      ${reads.map((one) => one.read_id)}::int8[]) as w(user_id, group_id, read_id)
    group by user_id, group_id order by user_id, group_id
    on conflict (user_id, group_id) do update set read_id = greatest(t.read_id, excluded.read_id),
      waits = t.told_ms between ${fromMs} and ${toMs},
      told_ms = case when t.told_ms between ${fromMs} and ${toMs} then t.told_ms else ${nowMs} end
    returning user_id, group_id, read_id, waits, told_ms`.execute(on);
  const waiting = rows.filter(({ waits }) => waits).map(({ told_ms }) => Number(told_ms) + tellEveryMs);
  return {
    entries: rows.filter(({ waits }) => !waits).map((row) => entryOf(row, nowMs)),
    lateAtMs: waiting.length > 0 ? Math.min(...waiting) : undefined,
  };
}

/** What waits to be told of readers. */
export function readerStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  const waits = sql`t.waits and not exists (
    select from message.person p where p.user_id = t.user_id and p.gone)`;
  return {
    /** Who has left is told nothing more. */
    async tellLate(nowMs = Date.now()): Promise<LateTold> {
      const { fromMs, toMs } = toldLately(nowMs);
      const heads = await unlessDeleted(() =>
        events.transaction(db, async (transaction, emit) => {
          const { rows } = await sql<Read & { there: boolean }>`
            with due as materialized (
              select t.user_id, t.group_id from message.told_readers t
              join (
                select user_id, group_id from message.told_readers t
                where ${waits} and told_ms not between ${fromMs} and ${toMs} order by told_ms limit ${chunk}
              ) w using (user_id, group_id)
              where t.waits order by t.user_id, t.group_id for update of t
            )
            update message.told_readers t set waits = false, told_ms = ${nowMs}
            from due d where t.user_id = d.user_id and t.group_id = d.group_id
            returning t.user_id, t.group_id, t.read_id, exists (
              select from message.member m where m.group_id = t.group_id and m.user_id = t.user_id) as there`.execute(
            transaction,
          );
          const entries = rows.filter(({ there }) => there).map((row) => entryOf(row, nowMs));
          return appendAndEmit(transaction, emit, entries);
        }),
      );
      const { rows } = await sql<{ told_ms: string | null }>`
        select min(told_ms) as told_ms from message.told_readers t where ${waits}`.execute(db);
      return { heads, nextAtMs: rows[0]?.told_ms ? Number(rows[0].told_ms) + tellEveryMs : undefined };
    },
    /** Removes what changes nothing any more. */
    async expire(): Promise<void> {
      await sql`delete from message.told_readers where not waits and told_ms < ${Date.now() - keptMs}`.execute(
        db,
      );
    },
  };
}
