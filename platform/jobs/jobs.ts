import { sql } from "kysely";
import type { Pool } from "pg";
import type { Database, Queryable } from "../db/database.ts";
import { afterCommit } from "../db/transaction.ts";
import type { ProcessLease } from "../lease/process-lease.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type Attempts, jobDesk, type RemoteDesk } from "./job-desk.ts";
import type { JobTables } from "./job-table.ts";
import { startWorkers, type Workers, type WorkOptions } from "./workers.ts";

/** The database of a module whose tables include the job table, or a transaction on it. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
type JobDatabase = Queryable<any>;

/** What fair scheduling between owners needs to know of a job. */
interface FairShare {
  owner: string;
  /** Estimated time that it takes. */
  expectedMs: number;
}

/** How far a job is put back for each millisecond of its length. Finite, so that long jobs do run. */
const lengthFactor = 4;
/** A longer job is heavy. */
const heavyMs = 20_000;

/** A job to add: what `Jobs.add` says of one. */
interface NewJob extends Partial<FairShare> {
  key: string;
  traceId?: string;
  runAt?: Date;
}

/** The durable jobs of one module. */
export interface Jobs {
  /**
   * Adds a job, in a transaction when given one; does nothing when one with this key exists already, also if it is running
   * or was given up. So a key names one fact, and what happens again has another key: a running job may have read what
   * was before. One that was given up waits for an operator. The workers of this process look
   * for it after the commit, those of others with their next heartbeat. With a fair share it comes after its owner's
   * other jobs, and later the longer it takes. Without one it comes when it is due: at once, or at `runAt`, within a
   * heartbeat.
   */
  add(on: JobDatabase, kind: string, key: string, of?: Omit<NewJob, "key">): Promise<void>;
  /** The same for many of one kind, in one statement. */
  addAll(on: JobDatabase, kind: string, jobs: readonly NewJob[]): Promise<void>;
  /** Starts to work on jobs of these kinds in this process. Once for each module. */
  work(options: WorkOptions): Workers;
  /**
   * The desk of a worker in a process without a lease: what it claims is its own for `leaseMs`, and again for so long
   * with each `keep`.
   */
  deskOf(worker: { id: string; leaseMs: number; kinds: Record<string, Attempts> }): RemoteDesk;
}

/** The jobs of all modules of a process. */
export interface ProcessJobs {
  of(module: string): Jobs;
  stop(): Promise<void>;
}

export function createJobs(options: {
  database: Database;
  lease: ProcessLease;
  measure?: Metrics["jobs"];
  log: Logger;
}): ProcessJobs {
  const { database, lease, measure, log } = options;
  const working = new Map<string, Workers>();

  /** Wakes the workers with due jobs that others have added or left behind. One query for all modules. */
  async function lookForDue(): Promise<void> {
    const free = [...working].filter(([, workers]) => workers.hasRoom());
    if (free.length === 0) return;
    for (const schema of await schemasWithDue(
      database.pool,
      free.map(([module]) => module),
    ))
      working.get(schema)?.wake();
  }
  const endHeartbeat = lease.onHeartbeat(lookForDue);

  async function addAll(
    module: string,
    on: JobDatabase,
    kind: string,
    jobs: readonly NewJob[],
  ): Promise<void> {
    if (jobs.length === 0) return;
    await insert(module, on, kind, jobs);
    afterCommit(on, () => working.get(module)?.wake());
  }

  return {
    of(module) {
      const db = database.of<JobTables>(module);
      return {
        add: (on, kind, key, of = {}) => addAll(module, on, kind, [{ ...of, key }]),
        addAll: (on, kind, jobs) => addAll(module, on, kind, jobs),
        work(work) {
          if (working.has(module)) throw new Error(`this process works on the jobs of ${module} already`);
          const owner = async () => {
            await lease.taken();
            return lease.id;
          };
          const { kinds, pauseMs } = work;
          const desk = jobDesk(db, { owner, kinds, log, ...(pauseMs && { pauseMs }) });
          const workers = startWorkers(desk, work, {
            onHeartbeat: lease.onHeartbeat,
            measure: measure && {
              observe: ({ kind, outcome }, seconds) =>
                measure.observe({ kind: `${module}.${kind}`, outcome }, seconds),
            },
            log,
          });
          working.set(module, workers);
          return {
            ...workers,
            async stop() {
              working.delete(module);
              await workers.stop();
            },
          };
        },
        deskOf: ({ id, ...worker }) => jobDesk(db, { ...worker, owner: async () => id, log }),
      };
    },
    async stop() {
      endHeartbeat();
      await Promise.all([...working.values()].map((workers) => workers.stop()));
    },
  };
}

/** Those of these schemas in which a job is due that nobody runs. */
async function schemasWithDue(pool: Pool, schemas: string[]): Promise<string[]> {
  const looks = schemas.map(
    (schema) => `select '${schema}' as schema where exists (
       select from "${schema}".job where not dead and run_at <= now() and (
         lease_owner is null or not exists (select from lease.process p where p.id = lease_owner)
       )
     )`,
  );
  const { rows } = await pool.query<{ schema: string }>(looks.join(" union all "));
  return rows.map(({ schema }) => schema);
}

/** With an owner a job's place is after now and after the owner's last job, by the time it takes. */
async function insert(module: string, on: JobDatabase, kind: string, jobs: readonly NewJob[]): Promise<void> {
  const of = <V>(value: (job: NewJob) => V | undefined) => jobs.map((job) => value(job) ?? null);
  await sql`
    with w as (
      select * from unnest(${jobs.map(({ key }) => key)}::text[], ${of(({ traceId }) => traceId)}::text[],
        ${of(({ runAt }) => runAt?.toISOString())}::timestamptz[], ${of(({ owner }) => owner)}::text[],
        ${jobs.map(({ expectedMs }) => Math.round(expectedMs || 0))}::float8[])
        with ordinality as w(key, trace_id, run_at, owner, expected_ms, n)
    ), last as (
      select j.owner, max(j.turn_at) as turn_at from ${sql.id(module, "job")} j
      where j.owner in (select owner from w) group by j.owner
    )
    insert into ${sql.id(module, "job")} (kind, key, trace_id, run_at, owner, heavy, turn_at)
    select ${kind}, w.key, w.trace_id, coalesce(w.run_at, now()), w.owner,
      w.owner is not null and w.expected_ms > ${heavyMs},
      case when w.owner is not null then greatest(now(), last.turn_at) + ${lengthFactor} * interval '1 ms'
        * sum(w.expected_ms) over (partition by w.owner order by w.n) end
    from w left join last on last.owner = w.owner order by w.n
    on conflict (kind, key) do nothing`.execute(on);
}
