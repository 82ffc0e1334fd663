import type { Pool } from "pg";

/** The kind of job that builds a read model anew; its key is the model's name. */
export const rebuildKind = "rebuild";

export interface Rebuilding {
  /** Somebody is at it. */
  taken: boolean;
  /** It has been given up. */
  dead: boolean;
  lastError: string | null;
}

/** Has the processes that run a module build a read model anew. One that is under way goes on. */
export async function askForRebuild(pool: Pool, schema: string, name: string): Promise<void> {
  await pool.query(
    `insert into ${schema}.job as j (kind, key) values ($1, $2)
     on conflict (kind, key) do update set dead = false, attempts = 0, run_at = now() where j.dead`,
    [rebuildKind, name],
  );
}

/** How it stands; undefined when it is done. */
export async function findRebuild(pool: Pool, schema: string, name: string): Promise<Rebuilding | undefined> {
  const { rows } = await pool.query<Rebuilding>(
    `select leased_until > now() as taken, dead, last_error as "lastError"
     from ${schema}.job where kind = $1 and key = $2`,
    [rebuildKind, name],
  );
  return rows[0];
}
