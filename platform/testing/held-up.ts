import type { Pool } from "pg";
import { expect } from "vitest";

/**
 * Runs `hold`, which locks something, begins `late`, and when `late` waits for that lock runs `meanwhile`; then
 * releases the lock and returns the result of `late`, or its error.
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
