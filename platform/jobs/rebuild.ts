import type { Pool } from "pg";
import { type Kysely, type Transaction, withSignal } from "../db/database.ts";
import { inTransaction } from "../db/transaction.ts";
import type { JobKind } from "./workers.ts";

/** The kind of job that rebuilds a read model. Its key is the model's name. */
export const rebuildKind = "rebuild";

export interface RebuildState {
  /** A worker has it. */
  taken: boolean;
  /** Its attempts are used up. */
  dead: boolean;
  lastError: string | null;
}

/** Rebuilds a read model in one transaction; readers see the old one until the commit. */
export function rebuildJob<Tables>(
  db: Kysely<Tables>,
  rebuild: (on: Transaction<Tables>) => Promise<void>,
): JobKind {
  return {
    maxAttempts: 5,
    timeoutMs: 600_000,
    run: (job) =>
      inTransaction(withSignal(job.signal, db), async (transaction) => {
        await rebuild(transaction);
        await job.finish(transaction);
      }),
  };
}

/** The same for a module with several read models, by their names. */
export function rebuildJobs(models: Readonly<Record<string, JobKind>>): JobKind {
  return {
    maxAttempts: Math.max(...Object.values(models).map(({ maxAttempts }) => maxAttempts)),
    timeoutMs: Math.max(...Object.values(models).map(({ timeoutMs }) => timeoutMs)),
    async run(job) {
      const model = models[job.key];
      if (!model) throw new Error(`there is no read model ${job.key}`);
      await model.run(job);
    },
  };
}

/** Lets the processes that run a module rebuild a read model. A rebuild that is already running continues. */
export async function requestRebuild(pool: Pool, schema: string, name: string): Promise<void> {
  await pool.query(
    `insert into ${schema}.job as j (kind, key) values ($1, $2)
     on conflict (kind, key) do update set dead = false, attempts = 0, run_at = now() where j.dead`,
    [rebuildKind, name],
  );
}

/** The state of a rebuild; undefined when it is done. */
export async function findRebuild(
  pool: Pool,
  schema: string,
  name: string,
): Promise<RebuildState | undefined> {
  const { rows } = await pool.query<RebuildState>(
    `select exists (select from lease.process p where p.id = lease_owner and p.expires_at > now()) as taken, dead, last_error as "lastError"
     from ${schema}.job where kind = $1 and key = $2`,
    [rebuildKind, name],
  );
  return rows[0];
}
