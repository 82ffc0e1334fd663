import { randomUUID } from "node:crypto";
import { type ExpressionBuilder, sql } from "kysely";
import type { Kysely, Queryable } from "../db/database.ts";
import { isDiskFull } from "../errors/disk-full.ts";
import type { Logger } from "../observe/log.ts";
import type { JobRow, JobTables } from "./job-table.ts";

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
  /** Called when the last attempt has failed, and again until it succeeds. */
  onExhausted?(key: string, error: unknown): Promise<void>;
  maxAttempts: number;
  /** Of which errors the attempt does not count, as it never does when the disk is full: it is tried again for as long as it takes. */
  isRetryable?(error: unknown): boolean;
  timeoutMs: number;
}

/** Somebody's work among that of others. */
interface Turn {
  owner: string;
  /** About how long it takes. */
  expectedMs: number;
}

/** How much later the turn of longer work comes than that of shorter; finite, so that it does come. */
const passingFactor = 4;
/** What takes longer is heavy. */
const heavyMs = 20_000;

/** In first pauses: before what is waited out is tried again. */
const waitPauses = 10;

export interface JobQueue {
  /**
   * Adds a job, in a transaction when given one; nothing happens when it is there already. With a turn it comes after
   * its owner's other jobs, and the later the longer it takes; without one when it is due.
   */
  add(owner: Owner, kind: string, key: string, turn?: Turn): Promise<void>;
  /** Looks for work now instead of at the next poll; call it after the commit. */
  wake(): void;
  /** Interrupts what runs, gives it back and waits for it. */
  stop(): Promise<void>;
}

export function startJobQueue(options: {
  db: Owner;
  kinds: Record<string, JobKind>;
  /** How many jobs run at once in this process. */
  concurrency: number;
  /** How many of these may be heavy, so that short work need not wait for long work to end; all by default. */
  heavyAtOnce?: number;
  log: Logger;
  /** After the death of its worker a job is taken over this much later. */
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
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  const leaseEnd = sql<Date>`now() + ${leaseMs} * interval '1 ms'`;

  async function take(): Promise<JobRow | undefined> {
    let due = db
      .selectFrom("job")
      .select("id")
      .where("dead", "=", false)
      .where("run_at", "<=", sql<Date>`now()`)
      .where("leased_until", "<", sql<Date>`now()`)
      .where("kind", "in", Object.keys(kinds))
      // Ours whose renewal came too late: they still run here.
      .where("id", "!=", sql<string>`all(${[...running.keys()]}::int8[])`)
      .orderBy(sql`coalesce(turn_at, run_at)`)
      .orderBy("id")
      .limit(1)
      .forUpdate()
      .skipLocked();
    const heavy = [...running.values()].filter((job) => job.heavy).length;
    if (heavy >= heavyAtOnce) due = due.where("heavy", "=", false);
    // The last place is nobody's second one: however wrong we are in what is heavy, others need not wait for it.
    const owners = [...running.values()].flatMap((job) => job.owner ?? []);
    if (running.size === concurrency - 1 && owners.length > 0)
      due = due.where((job) => job.or([job("owner", "is", null), job("owner", "not in", owners)]));
    return (
      db
        .updateTable("job")
        .set({ lease_owner: owner, leased_until: leaseEnd, attempts: sql`attempts + 1` })
        // As an array, since a subquery may be run several times and lock more than the limit.
        .where("id", "=", sql<string>`any(array(${due}))`)
        .returningAll()
        .executeTakeFirst()
    );
  }

  async function look(): Promise<void> {
    do {
      lookAgain = false;
      while (running.size < concurrency && !stopping.signal.aborted) {
        const row = await take();
        if (!row) break;
        const interrupt = new AbortController();
        const done = work(row, interrupt).finally(() => {
          running.delete(row.id);
          wake();
        });
        running.set(row.id, { done, interrupt, heavy: row.heavy, owner: row.owner });
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
      signal.throwIfAborted();
      // Every worker died with this job before it could say so; the next one would, too.
      if (row.attempts > kind.maxAttempts) throw new Error("no attempt came to an end");
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
    const pauses = uncounted ? waitPauses : 4 ** (row.attempts - 1);
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

  /** Renews our lease of these jobs and tells which are still ours. */
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
    add: async (on, kind, key, turn) => {
      await on
        .insertInto("job")
        .values({ kind, key, ...(turn && placed(on, turn)) })
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

/** Where a turn comes: after now and its owner's last one, by the time it takes. */
function placed(on: Owner, { owner, expectedMs }: Turn) {
  const last = on
    .selectFrom("job")
    .select((job: ExpressionBuilder<JobTables, "job">) => job.fn.max("turn_at").as("last"))
    .where("owner", "=", owner);
  return {
    owner,
    heavy: expectedMs > heavyMs,
    turn_at: sql<Date>`greatest(now(), (${last}))
      + ${Math.round((expectedMs || 0) * passingFactor)} * interval '1 ms'`,
  };
}
