import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Kysely, Queryable } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";

/**
 * Durable jobs in the schema of the module that owns them, so that a job is added in the transaction of the
 * fact that calls for it and removed in the transaction of its effect. A worker holds a job under a short
 * lease that it renews; when its process dies, another takes the job over as soon as the lease has run out.
 */
export const jobTable = (schema: string) => `
  create table ${schema}.job (
    id int8 generated always as identity primary key,
    kind text not null,
    -- What the job is about; one job per kind and key.
    key text not null,
    run_at timestamptz not null default now(),
    attempts int not null default 0,
    lease_owner uuid,
    leased_until timestamptz not null default '-infinity',
    last_error text,
    -- Given up: nobody takes it again until an operator does.
    dead boolean not null default false,
    created_at timestamptz not null default now(),
    unique (kind, key)
  );
  create index job_due on ${schema}.job (run_at) where not dead;
`;

export interface JobRow {
  id: string;
  kind: string;
  key: string;
  run_at: Date;
  attempts: number;
  lease_owner: string | null;
  leased_until: Date;
  last_error: string | null;
  dead: boolean;
  created_at: Date;
}
export interface JobTables {
  job: JobRow;
}
/** The database of a module whose tables include the job table, or a transaction on it. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
type Owner = Queryable<any>;

export interface Job {
  key: string;
  /** 1 on the first try. */
  attempt: number;
  /** Fires when the job must stop: on shutdown, when its lease was lost, or when its time is over. */
  signal: AbortSignal;
  /** Removes the job within the transaction of its effect. Throws when another worker has taken it over. */
  finish(transaction: Owner): Promise<void>;
}

export interface JobKind {
  /** Does the work. It may run again after any step, so every step is idempotent. */
  run(job: Job): Promise<void>;
  /** Called once when the last attempt has failed. */
  giveUp?(key: string, error: unknown): Promise<void>;
  maxAttempts: number;
  timeoutMs: number;
}

export interface JobQueue {
  /** Adds a job, in a transaction when given one; nothing happens when it is there already. */
  add(owner: Owner, kind: string, key: string): Promise<void>;
  /** Looks for work now instead of at the next poll; call it after the commit. */
  wake(): void;
  /** Interrupts what runs, gives it back and waits for it. */
  stop(): Promise<void>;
}

const leaseMs = 10_000;
const pollMs = 1_000;

export function startJobQueue(options: {
  db: Owner;
  kinds: Record<string, JobKind>;
  /** How many jobs run at once in this process. */
  concurrency: number;
  log: Logger;
}): JobQueue {
  const { kinds, concurrency, log } = options;
  const db = options.db as Kysely<JobTables>;
  const owner = randomUUID();
  const stopping = new AbortController();
  const running = new Map<string, { done: Promise<void>; interrupt: AbortController }>();
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  async function take(limit: number): Promise<JobRow[]> {
    const due = db
      .selectFrom("job")
      .select("id")
      .where("dead", "=", false)
      .where("run_at", "<=", sql<Date>`now()`)
      .where("leased_until", "<", sql<Date>`now()`)
      .where("kind", "in", Object.keys(kinds))
      .orderBy("run_at")
      .limit(limit)
      .forUpdate()
      .skipLocked();
    return db
      .updateTable("job")
      .set({ lease_owner: owner, leased_until: leaseEnd(), attempts: sql`attempts + 1` })
      .where("id", "in", due)
      .returningAll()
      .execute();
  }

  async function look(): Promise<void> {
    do {
      lookAgain = false;
      const free = concurrency - running.size;
      if (free <= 0 || stopping.signal.aborted) return;
      for (const row of await take(free)) {
        const interrupt = new AbortController();
        const done = work(row, interrupt).finally(() => {
          running.delete(row.id);
          wake();
        });
        running.set(row.id, { done, interrupt });
      }
    } while (lookAgain);
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    lookAgain = true;
    looking ??= look()
      .catch((error) => log.warn({ err: error }, "could not look for jobs"))
      .finally(() => {
        looking = undefined;
      });
  }

  async function work(row: JobRow, interrupt: AbortController): Promise<void> {
    const kind = kinds[row.kind]!;
    const signal = AbortSignal.any([interrupt.signal, stopping.signal, AbortSignal.timeout(kind.timeoutMs)]);
    const mine = (on: Queryable<JobTables>) =>
      on.deleteFrom("job").where("id", "=", row.id).where("lease_owner", "=", owner);
    try {
      await kind.run({
        key: row.key,
        attempt: row.attempts,
        signal,
        async finish(transaction) {
          const { numDeletedRows } = await mine(transaction).executeTakeFirstOrThrow();
          if (numDeletedRows === 0n)
            throw new Error(`job ${row.kind} ${row.key} was taken over by another worker`);
        },
      });
      await mine(db).execute();
    } catch (error) {
      await putBack(row, kind, error).catch((failure) =>
        log.warn({ err: failure }, "could not put a job back"),
      );
    }
  }

  async function putBack(row: JobRow, kind: JobKind, error: unknown): Promise<void> {
    const interrupted = stopping.signal.aborted;
    const last = !interrupted && row.attempts >= kind.maxAttempts;
    if (last) await kind.giveUp?.(row.key, error);
    if (!interrupted)
      log.warn({ err: error, job: row.kind, key: row.key, attempt: row.attempts, last }, "job failed");
    const delayMs = interrupted ? 0 : Math.min(1000 * 4 ** (row.attempts - 1), 60_000);
    await db
      .updateTable("job")
      .set({
        leased_until: sql`'-infinity'`,
        lease_owner: null,
        attempts: interrupted ? row.attempts - 1 : row.attempts,
        run_at: sql`now() + ${delayMs} * interval '1 ms'`,
        last_error: interrupted ? row.last_error : String(error).slice(0, 2000),
        dead: last,
      })
      .where("id", "=", row.id)
      .where("lease_owner", "=", owner)
      .execute();
  }

  async function renew(): Promise<void> {
    if (running.size === 0) return;
    const kept = await db
      .updateTable("job")
      .set({ leased_until: leaseEnd() })
      .where("id", "in", [...running.keys()])
      .where("lease_owner", "=", owner)
      .returning("id")
      .execute();
    const ids = new Set(kept.map((row) => row.id));
    for (const [id, job] of running) if (!ids.has(id)) job.interrupt.abort();
  }

  const poll = setInterval(wake, pollMs);
  const heartbeat = setInterval(() => {
    renew().catch((error) => log.warn({ err: error }, "could not renew the leases of jobs"));
  }, leaseMs / 3);
  wake();

  return {
    add: async (owner, kind, key) => {
      await owner
        .insertInto("job")
        .values({ kind, key })
        .onConflict((conflict) => conflict.columns(["kind", "key"]).doNothing())
        .execute();
    },
    wake,
    async stop() {
      clearInterval(poll);
      clearInterval(heartbeat);
      stopping.abort();
      await looking;
      await Promise.all([...running.values()].map((job) => job.done));
    },
  };
}

function leaseEnd() {
  return sql<Date>`now() + ${leaseMs} * interval '1 ms'`;
}
