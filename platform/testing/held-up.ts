import type { Pool } from "pg";
import { expect } from "vitest";

/**
 * Holds what the statement `hold` locks, begins `late`, and once that is held up by it does `meanwhile`; then lets go
 * and gives what `late` comes to, or the error.
 */
export async function heldUp(
  pool: Pool,
  hold: string,
  late: () => Promise<unknown>,
  meanwhile: () => Promise<unknown>,
): Promise<unknown> {
  const holder = await pool.connect();
  try {
    await holder.query("begin");
    await holder.query(hold);
    const outcome = late().catch((error: unknown) => error);
    await waiting(pool, 1);
    await meanwhile();
    await holder.query("commit");
    return await outcome;
  } finally {
    holder.release(true);
  }
}

/** Waits until this many connections wait for locks in the database. */
export async function waiting(pool: Pool, connections: number): Promise<void> {
  const sql = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await expect.poll(async () => (await pool.query(sql)).rows.length).toBe(connections);
}
