import type { Pool } from "pg";

/** What tells this installation from others: it is made once, with the database. */
export async function installationId(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ id: string }>("select id from lease.installation");
  return rows[0]!.id;
}
