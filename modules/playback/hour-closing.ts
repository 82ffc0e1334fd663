import { sql } from "kysely";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { changePartitions, listPartitions, notYet, type Partition } from "./partitions.ts";
import { parts, sessionMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** What was accepted in time may be written a little later, by a process whose clock is a little late. */
export const lateMs = 10 * 60_000;

/** Whether everything in a partition has been read. With `raw_order` and `position_order` it looks at a row of each lane. */
export async function isRead(
  on: Transaction<Tables>,
  reader: "plays" | "history",
  { name }: Partition,
): Promise<boolean> {
  const { rows } = await sql<{ read: boolean }>`
    select not exists (
      select from playback.lane l cross join generate_series(0, ${sql.lit(parts - 1)}) p(part)
      left join playback.lane_offset o on o.reader = ${reader} and o.part = p.part and o.lane = l.lane
      where exists (
        select from ${sql.id("playback", name)} t
        where t.part = p.part and t.lane = l.lane and t.seq > coalesce(o.seq, 0)
      )
    ) as read`.execute(on);
  return rows[0]!.read;
}

/**
 * Closes the hours that no session can be told of any more, one after the other, as far as all of them was counted. From
 * then on their rows are what they are: whoever still comes with one is refused.
 */
export async function closeHours(db: Kysely<Tables>, nowMs: number): Promise<void> {
  for (const hour of await openHours(db)) {
    if (hour.endMs + sessionMs + lateMs > nowMs || !(await close(db, hour, nowMs))) break;
  }
}

/** Hours in which something was told, and that are not closed, in their order. */
export async function openHours(db: Kysely<Tables>): Promise<Partition[]> {
  const all = await listPartitions(db, "raw");
  if (all.length === 0) return [];
  const { rows } = await sql<{ last: string | null }>`
    select max(start_ms) as last from playback.closed_hour`.execute(db);
  const last = rows[0]!.last;
  return all.filter(({ startMs }) => last === null || startMs > Number(last));
}

function close(db: Kysely<Tables>, hour: Partition, nowMs: number): Promise<boolean> {
  return changePartitions(db, async (on) => {
    const { numAffectedRows } = await sql`
      insert into playback.closed_hour (start_ms, closed_ms) values (${hour.startMs}, ${nowMs})
      on conflict do nothing`.execute(on);
    // By another process, since we looked.
    if (numAffectedRows === 0n) return;
    // What is under way is waited for, and what comes later fails; what is there is not checked.
    await sql`
      alter table ${sql.id("playback", hour.name)} add constraint closed check (false) not valid`.execute(on);
    if (!(await isRead(on, "plays", hour))) throw notYet;
  });
}
