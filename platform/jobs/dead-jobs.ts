import type { Pool } from "pg";
import type { Metrics } from "../observe/metrics.ts";

/** Jobs of one kind that were given up. */
export interface DeadJobs {
  /** The module's schema and the kind: feed.deliver. */
  kind: string;
  count: number;
  /** Why one of them was. */
  lastError: string;
}

/** More are not counted. */
const most = 10_000;

/** What was given up in these schemas, those without jobs left out. */
export async function readDeadJobs(pool: Pool, schemas: string[]): Promise<DeadJobs[]> {
  const owners = await withJobs(pool, schemas);
  if (owners.length === 0) return [];
  const parts = owners.map(
    (schema) =>
      `select '${schema}.' || kind as kind, count(*)::int as count, max(last_error) as "lastError"
       from (select kind, last_error from "${schema}".job where dead limit ${most}) given_up group by kind`,
  );
  return (await pool.query<DeadJobs>(`${parts.join(" union all ")} order by 1`)).rows;
}

/** Has what was given up tried again by the processes that run the modules, with all its attempts; tells how many. */
export async function retryDeadJobs(pool: Pool, schemas: string[]): Promise<number> {
  let count = 0;
  for (const schema of await withJobs(pool, schemas)) {
    const sql = `update "${schema}".job set dead = false, attempts = 0, run_at = now() where dead`;
    count += (await pool.query(sql)).rowCount ?? 0;
  }
  return count;
}

/** A gauge of the modules that run in this process; every process of a module says the same. */
export function reportDeadJobs(metrics: Metrics, pool: Pool, schemas: string[]): void {
  metrics.gauges("douya_jobs_dead", "Jobs that were given up", "kind", async () => {
    // Without a database the other metrics still count.
    const found = await readDeadJobs(pool, schemas).catch((): DeadJobs[] => []);
    return found.map(({ kind, count }) => ({ labels: { kind }, value: count }));
  });
}

async function withJobs(pool: Pool, schemas: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ schema: string }>(
    "select schema from unnest($1::text[]) schema where to_regclass(quote_ident(schema) || '.job') is not null",
    [schemas],
  );
  return rows.map((row) => row.schema);
}
