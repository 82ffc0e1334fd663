import type { Pool } from "pg";
import type { Metrics } from "../observe/metrics.ts";

/** Jobs of one kind that have used up their attempts. */
export interface DeadJobs {
  /** The module's schema and the kind: feed.deliver. */
  kind: string;
  count: number;
  /** The error of one of them. */
  lastError: string;
}

/** Counting ends here, so that a scrape stays cheap. */
const maxCounted = 10_000;

/** Dead jobs in these schemas. Schemas without a job table are skipped. */
export async function readDeadJobs(pool: Pool, schemas: string[]): Promise<DeadJobs[]> {
  const owners = await schemasWithJobs(pool, schemas);
  if (owners.length === 0) return [];
  const parts = owners.map(
    (schema) =>
      `select '${schema}.' || kind as kind, count(*)::int as count, max(last_error) as "lastError"
       from (select kind, last_error from "${schema}".job where dead limit ${maxCounted}) given_up group by kind`,
  );
  return (await pool.query<DeadJobs>(`${parts.join(" union all ")} order by 1`)).rows;
}

/** Lets the processes that run the modules retry dead jobs, with all their attempts; returns how many. */
export async function retryDeadJobs(pool: Pool, schemas: string[]): Promise<number> {
  let count = 0;
  for (const schema of await schemasWithJobs(pool, schemas)) {
    const sql = `update "${schema}".job set dead = false, attempts = 0, run_at = now() where dead`;
    count += (await pool.query(sql)).rowCount ?? 0;
  }
  return count;
}

/** Exports a gauge for the modules that run in this process. Every process of a module exports the same values. */
export function exportDeadJobs(metrics: Metrics, pools: () => readonly Pool[], schemas: string[]): void {
  metrics.gauges("douya_jobs_dead", "Jobs that were given up", "kind", async () => {
    // Without a database the other metrics are still exported.
    const reads = pools().map((pool) => readDeadJobs(pool, schemas).catch((): DeadJobs[] => []));
    return (await Promise.all(reads)).flat().map(({ kind, count }) => ({ labels: { kind }, value: count }));
  });
}

/** Those of these schemas that are here and have a job table. */
export async function schemasWithJobs(pool: Pool, schemas: string[]): Promise<string[]> {
  const { rows } = await pool.query<{ schema: string }>(
    "select schema from unnest($1::text[]) schema where to_regclass(quote_ident(schema) || '.job') is not null",
    [schemas],
  );
  return rows.map((row) => row.schema);
}
