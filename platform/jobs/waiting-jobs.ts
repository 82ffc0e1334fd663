import type { Pool } from "pg";
import type { Metrics } from "../observe/metrics.ts";
import { schemasWithJobs } from "./dead-jobs.ts";

interface WaitingJobs {
  /** The module's schema and the kind: feed.deliver. */
  kind: string;
  count: number;
  /** For how long the first of them could have begun. */
  seconds: number;
}

/** The oldest are looked at, so that a scrape stays cheap however many wait. */
const maxCounted = 10_000;
/** How long one result is reused, so that the gauges of a scrape share it. */
const reuseMs = 1_000;

/** Jobs in these schemas that could run and that nobody has begun. */
async function readWaitingJobs(pool: Pool, schemas: string[]): Promise<WaitingJobs[]> {
  const owners = await schemasWithJobs(pool, schemas);
  if (owners.length === 0) return [];
  const parts = owners.map(
    (schema) =>
      `select '${schema}.' || kind as kind, count(*)::int as count,
         extract(epoch from now() - min(run_at))::float8 as seconds
       from (select kind, run_at from "${schema}".job where not dead and run_at <= now() and lease_owner is null
         order by run_at limit ${maxCounted}) waiting group by kind`,
  );
  return (await pool.query<WaitingJobs>(`${parts.join(" union all ")} order by 1`)).rows;
}

/** Exports gauges for the modules that run in this process. Every process of a module exports the same values. */
export function exportWaitingJobs(metrics: Metrics, pools: () => readonly Pool[], schemas: string[]): void {
  let waiting: Promise<WaitingJobs[]> | undefined;
  // Without a database the other metrics are still exported.
  const readAll = async () =>
    (
      await Promise.all(pools().map((pool) => readWaitingJobs(pool, schemas).catch((): WaitingJobs[] => [])))
    ).flat();
  const read = (of: (jobs: WaitingJobs) => number) => async () => {
    waiting ??= readAll().finally(() => {
      setTimeout(() => {
        waiting = undefined;
      }, reuseMs).unref();
    });
    return (await waiting).map((jobs) => ({ labels: { kind: jobs.kind }, value: of(jobs) }));
  };
  metrics.gauges(
    "douya_jobs_waiting",
    "Jobs that are due and not begun",
    "kind",
    read(({ count }) => count),
  );
  metrics.gauges(
    "douya_jobs_waiting_seconds",
    "For how long the first of them has been due",
    "kind",
    read(({ seconds }) => seconds),
  );
}
