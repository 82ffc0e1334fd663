import type { Pool } from "pg";
import { gap } from "./gaps-left.ts";

/**
 * For a database that may have gone back, as by a restored backup: its next events begin above every position that it can
 * have given out since then. Groups in other databases have passed those, and would pass over events that got them again.
 */
export async function leaveGap(pool: Pool): Promise<void> {
  await pool.query(
    "select setval('events.log_position_seq', last_value + $1) from events.log_position_seq where is_called",
    [gap],
  );
}

/**
 * Leaves a gap when the database has another history than the one that it knows of: it is another server's, as after a
 * dump was read in, or on another timeline, as after a restoration or a promotion. Before anybody writes events. Returns
 * whether it has another one. A copied folder or snapshot has no other history: `douya events restored`.
 */
export async function leaveGapIfRestored(pool: Pool): Promise<boolean> {
  const { rows } = await pool
    .query<{ history: string }>(
      `select system_identifier || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8) as history
       from pg_control_system()`,
    )
    .catch((error) => {
      // A provider may keep it from us.
      if (error.code === insufficientPrivilege) return { rows: [] };
      throw error;
    });
  const { rowCount } = await pool.query(
    `with known as (
       update events.origin set history = $1 where history is distinct from $1 returning 1
     )
     select setval('events.log_position_seq', last_value + $2) from events.log_position_seq, known where is_called`,
    [rows[0]?.history ?? null, gap],
  );
  return rowCount === 1;
}

const insufficientPrivilege = "42501";
