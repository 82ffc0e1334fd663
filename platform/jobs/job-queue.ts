import { randomUUID } from "node:crypto";
import { type ExpressionBuilder, sql } from "kysely";
import type { Kysely, Queryable } from "../db/database.ts";
import { isDiskFull } from "../errors/disk-full.ts";
import type { Logger } from "../observe/log.ts";
import { newTraceId } from "../observe/trace-context.ts";
import type { JobRow, JobTables } from "./job-table.ts";

/** The database of a module whose tables include the job table, or a transaction on it. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
type JobDatabase = Queryable<any>;

export interface Job {
  key: string;
  /** 1 on the first try. */
  attempt: number;
  /** Aborts when the job must stop: on shutdown, when its lease is lost, or at its timeout. */
  signal: AbortSignal;
  /** The trace of the request from which it follows. */
  traceId: string;
  /** Removes the job in the transaction of its effect. Throws when another worker has taken it over. */
  finish(transaction: JobDatabase): Promise<void>;
}

export interface JobKind {
  /** Does the work. It can run again after any step, so every step is idempotent. */
  run(job: Job): Promise<void>;
  /** Called after the last attempt has failed, and again until the call succeeds. */
  onExhausted?(key: string, error: unknown): Promise<void>;
  maxAttempts: number;
  /** Errors after which the attempt does not count, so that the job is retried without limit. A full disk always is one. */
  isRetryable?(error: unknown): boolean;
  timeoutMs: number;
}

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

/** The pause after a retryable error, as a multiple of `pauseMs`. */
const retryablePauses = 10;

export interface JobQueue {
  /**
   * Adds a job, in a transaction when given one; does nothing when it exists already. With a fair share it comes after
   * its owner's other jobs, and later the longer it takes. Without one it comes when it is due.
   */
  add(
    on: JobDatabase,
    kind: string,
    key: string,
    of?: Partial<FairShare> & { traceId?: string },
  ): Promise<void>;
  /** Looks for due jobs now instead of at the next poll. Call it after the commit. */
  wake(): void;
  /** Interrupts running jobs, gives them back and waits for them. */
  stop(): Promise<void>;
}

export function startJobQueue(options: {
  db: JobDatabase;
  kinds: Record<string, JobKind>;
  /** How many jobs run at once in this process. */
  concurrency: number;
  /** How many of these may be heavy, so that short jobs need not wait for long ones; all by default. */
  heavyAtOnce?: number;
  log: Logger;
  /** How long after the death of its worker a job is taken over. */
  leaseMs?: number;
  /** How often to look for jobs that others have added. */
  pollMs?: number;
  /** The pause after a first failure; it grows fourfold with each, up to a minute. */
  pauseMs?: number;
}): JobQueue {
  const {
    kinds,
    concurrency,
    heavyAtOnce = concurrency,
    log,
    leaseMs = 10_000,
    pollMs = 1_000,
    pauseMs = 1_000,
  } = options;
  const db = options.db as Kysely<JobTables>;
  const owner = randomUUID();
  const stopping = new AbortController();
  const running = new Map<
    string,
    { done: Promise<void>; interrupt: AbortController; heavy: boolean; owner: string | null }
  >();
  let claiming: Promise<void> | undefined;
  let claimAgain = false;
  const leaseEnd = sql<Date>`now() + ${leaseMs} * interval '1 ms'`;

  async function claimNext(): Promise<JobRow | undefined> {
    let due = db
      .selectFrom("job")
      .select("id")
      .where("dead", "=", false)
      .where("run_at", "<=", sql<Date>`now()`)
      .where("leased_until", "<", sql<Date>`now()`)
      .where("kind", "in", Object.keys(kinds))
      // Our own jobs whose lease was renewed too late still run here.
      .where("id", "!=", sql<string>`all(${[...running.keys()]}::int8[])`)
      .orderBy(sql`coalesce(turn_at, run_at)`)
      .orderBy("id")
      .limit(1)
      .forUpdate()
      .skipLocked();
    const heavy = [...running.values()].filter((job) => job.heavy).length;
    if (heavy >= heavyAtOnce) due = due.where("heavy", "=", false);
    // Nobody gets the last place as a second one: even if `heavy` was estimated wrong, others need not wait.
    const owners = [...running.values()].flatMap((job) => job.owner ?? []);
    if (running.size === concurrency - 1 && owners.length > 0)
      due = due.where((job) => job.or([job("owner", "is", null), job("owner", "not in", owners)]));
    return (
      db
        .updateTable("job")
        .set({ lease_owner: owner, leased_until: leaseEnd, attempts: sql`attempts + 1` })
        // As an array, because a plain subquery can run several times and lock more rows than the limit.
        .where("id", "=", sql<string>`any(array(${due}))`)
        .returningAll()
        .executeTakeFirst()
    );
  }

  async function claimWhileFree(): Promise<void> {
    do {
      claimAgain = false;
      while (running.size < concurrency && !stopping.signal.aborted) {
        const row = await claimNext();
        if (!row) break;
        const interrupt = new AbortController();
        const done = work(row, interrupt).finally(() => {
          running.delete(row.id);
          wake();
        });
        running.set(row.id, { done, interrupt, heavy: row.heavy, owner: row.owner });
      }
    } while (claimAgain);
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    claimAgain = true;
    claiming ??= claimWhileFree()
      .catch((error) => log.warn({ err: error }, "could not look for jobs"))
      .finally(() => {
        claiming = undefined;
      });
  }

  async function work(row: JobRow, interrupt: AbortController): Promise<void> {
    const kind = kinds[row.kind]!;
    const signal = AbortSignal.any([interrupt.signal, stopping.signal, AbortSignal.timeout(kind.timeoutMs)]);
    const deleteOwn = (on: Queryable<JobTables>) =>
      on.deleteFrom("job").where("id", "=", row.id).where("lease_owner", "=", owner);
    try {
      signal.throwIfAborted();
      // Each worker died during this job without noting a failure, and the next one would die too.
      if (row.attempts > kind.maxAttempts) throw new Error("no attempt came to an end");
      await kind.run({
        key: row.key,
        attempt: row.attempts,
        signal,
        traceId: row.trace_id ?? newTraceId(),
        async finish(transaction) {
          const { numDeletedRows } = await deleteOwn(transaction).executeTakeFirstOrThrow();
          if (numDeletedRows === 0n)
            throw new Error(`job ${row.kind} ${row.key} was taken over by another worker`);
        },
      });
      await deleteOwn(db).execute();
    } catch (error) {
      if (interrupt.signal.aborted)
        return log.warn({ job: row.kind, key: row.key }, "job was lost or removed");
      await putBack(row, kind, error).catch((failure) =>
        log.warn({ err: failure }, "could not put a job back"),
      );
    }
  }

  async function putBack(row: JobRow, kind: JobKind, error: unknown): Promise<void> {
    const interrupted = stopping.signal.aborted;
    const uncounted = interrupted || isDiskFull(error) || (kind.isRetryable?.(error) ?? false);
    const last = !uncounted && row.attempts >= kind.maxAttempts;
    if (last) {
      if (!(await extend([row.id])).has(row.id)) return;
      await kind.onExhausted?.(row.key, error);
    }
    if (!interrupted)
      log.warn({ err: error, job: row.kind, key: row.key, attempt: row.attempts, last }, "job failed");
    const pauses = uncounted ? retryablePauses : 4 ** (row.attempts - 1);
    const delayMs = interrupted ? 0 : Math.min(pauseMs * pauses, 60_000);
    await db
      .updateTable("job")
      .set({
        leased_until: sql`'-infinity'`,
        lease_owner: null,
        attempts: uncounted ? row.attempts - 1 : row.attempts,
        run_at: sql`now() + ${delayMs} * interval '1 ms'`,
        last_error: interrupted ? row.last_error : String(error).slice(0, 2000),
        dead: last,
      })
      .where("id", "=", row.id)
      .where("lease_owner", "=", owner)
      .execute();
  }

  /** Renews our leases of these jobs; returns those that we still hold. */
  async function extend(ids: string[]): Promise<Set<string>> {
    const kept = await db
      .updateTable("job")
      .set({ leased_until: leaseEnd })
      .where("id", "in", ids)
      .where("lease_owner", "=", owner)
      .returning("id")
      .execute();
    return new Set(kept.map((row) => row.id));
  }

  async function renew(): Promise<void> {
    const before = [...running];
    if (before.length === 0) return;
    const kept = await extend(before.map(([id]) => id));
    for (const [id, job] of before) if (!kept.has(id)) job.interrupt.abort();
  }

  const poll = setInterval(wake, pollMs);
  const heartbeat = setInterval(() => {
    renew().catch((error) => log.warn({ err: error }, "could not renew the leases of jobs"));
  }, leaseMs / 3);
  wake();

  return {
    add: async (on, kind, key, { traceId, owner, expectedMs = 0 } = {}) => {
      const place = owner === undefined ? {} : fairPlace(on, { owner, expectedMs });
      await on
        .insertInto("job")
        .values({ kind, key, trace_id: traceId, ...place })
        .onConflict((conflict) => conflict.columns(["kind", "key"]).doNothing())
        .execute();
    },
    wake,
    async stop() {
      clearInterval(poll);
      clearInterval(heartbeat);
      stopping.abort();
      await claiming;
      await Promise.all([...running.values()].map((job) => job.done));
    },
  };
}

/** The place of a job in the order: after now and after its owner's last job, by the time it takes. */
function fairPlace(on: JobDatabase, { owner, expectedMs }: FairShare) {
  const last = on
    .selectFrom("job")
    .select((job: ExpressionBuilder<JobTables, "job">) => job.fn.max("turn_at").as("last"))
    .where("owner", "=", owner);
  return {
    owner,
    heavy: expectedMs > heavyMs,
    turn_at: sql<Date>`greatest(now(), (${last}))
      + ${Math.round((expectedMs || 0) * lengthFactor)} * interval '1 ms'`,
  };
}
