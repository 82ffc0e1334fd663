import type { Pool } from "pg";

/** A worker that lives takes a job long before. */
const untakenMs = 60_000;
/** Counting ends here. */
const maxCounted = 1_000;

/**
 * How many jobs of these kinds have been due for a minute while nobody works on any: no worker lives, since one that has
 * something to do would be seen, and one that has nothing would take them.
 */
export async function countUntaken(pool: Pool, schema: string, kinds: readonly string[]): Promise<number> {
  // Leased by a worker elsewhere, which puts it off; or by a process that has the database.
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from (
       select from "${schema}".job
       where kind = any($1) and not dead and run_at < now() - $2 * interval '1 ms' and not exists (
         select from "${schema}".job where kind = any($1) and lease_owner is not null
           and (run_at > now() or exists (select from lease.process p where p.id = lease_owner))
       ) limit ${maxCounted}
     ) untaken`,
    [kinds, untakenMs],
  );
  return rows[0]?.count ?? 0;
}
