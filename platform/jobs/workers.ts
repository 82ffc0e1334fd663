import { sql } from "kysely";
import type { Kysely, Queryable } from "../db/database.ts";
import { isDiskFull } from "../errors/disk-full.ts";
import { refusal } from "../errors/reasons.ts";
import type { ProcessLease } from "../lease/process-lease.ts";
import type { Logger } from "../observe/log.ts";
import { newTraceId } from "../observe/trace-context.ts";
import type { JobRow, JobTables } from "./job-table.ts";

export interface Job {
  key: string;
  /** 1 on the first try. */
  attempt: number;
  /**
   * Aborts when the job must stop: with JOB_INTERRUPTED on shutdown or when its lease is lost, with JOB_TOO_SLOW at its
   * timeout.
   */
  signal: AbortSignal;
  /** The trace of the request from which it follows. */
  traceId: string;
  /** Removes the job in the transaction of its effect. Throws when another worker has taken it over. */
  // biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
  finish(transaction: Queryable<any>): Promise<void>;
}

export interface JobKind {
  /** Does the work. It can run again after any step, so every step is idempotent. */
  run(job: Job): Promise<void>;
  /** Called after the last attempt has failed, and again until the call succeeds. */
  onExhausted?(key: string, error: unknown): Promise<void>;
  maxAttempts: number;
  /** Errors after which a job is snoozed: tried again later, without limit, since the attempt does not count. A full disk always is one. */
  snoozeOn?(error: unknown): boolean;
  timeoutMs: number;
  /**
   * Begun only while this process runs no other job and none that it could run is due; one at a time, and no other job
   * waits for it.
   */
  background?: boolean;
  /** Takes a moment, and somebody counts on the time: begun also while no place is free, one at a time. */
  brief?: boolean;
}

/** Which jobs wait for one another. */
type Lane = "normal" | "background" | "brief";

/** How long a job is snoozed, as a multiple of `pauseMs`. */
const snoozePauses = 10;

export interface WorkOptions {
  kinds: Record<string, JobKind>;
  /** How many jobs run at once in this process. */
  concurrency: number;
  /** How many of these may be heavy, so that short jobs need not wait for long ones; all by default. */
  heavyAtOnce?: number;
  /** The pause after a first failure; it grows fourfold with each, up to a minute. */
  pauseMs?: number;
}

export interface Workers {
  /** Looks for due jobs. */
  wake(): void;
  /** Whether one more could run. */
  hasRoom(): boolean;
  /** Interrupts running jobs, gives them back and waits for them. */
  stop(): Promise<void>;
}

interface Running {
  row: JobRow;
  done: Promise<void>;
  interrupt: AbortController;
}

/** Jobs are taken over when the lease of the process that runs them has ended. */
export function startWorkers(
  db: Kysely<JobTables>,
  { kinds, concurrency, heavyAtOnce = concurrency, pauseMs = 1_000 }: WorkOptions,
  { lease, log }: { lease: ProcessLease; log: Logger },
): Workers {
  const stopping = new AbortController();
  const running = new Map<string, Running>();
  /** Jobs of this process that could not be put back. They are not claimed again at once. */
  const resting = new Set<string>();
  let claiming: Promise<void> | undefined;
  let claimAgain = false;

  const laneOf = (kind: string): Lane =>
    kinds[kind]?.background ? "background" : kinds[kind]?.brief ? "brief" : "normal";
  const runningIn = (lane: Lane) => [...running.values()].filter(({ row }) => laneOf(row.kind) === lane);
  const briefKinds = Object.keys(kinds).filter((kind) => laneOf(kind) === "brief");

  async function claimNext(lane: Lane): Promise<JobRow | undefined> {
    const wanted = Object.keys(kinds).filter((kind) => laneOf(kind) === lane);
    if (wanted.length === 0) return undefined;
    await lease.taken();
    const owner = lease.id;
    let due = db
      .selectFrom("job")
      .select("id")
      .where("dead", "=", false)
      .where("run_at", "<=", sql<Date>`now()`)
      .where(
        sql<boolean>`(lease_owner is null or lease_owner = ${owner}
          or not exists (select from lease.process p where p.id = lease_owner))`,
      )
      .where("kind", "in", wanted)
      // Also when we lost our lease: they still run here until they are interrupted.
      .where("id", "!=", sql<string>`all(${[...running.keys(), ...resting]}::int8[])`)
      .orderBy(sql`coalesce(turn_at, run_at)`)
      .orderBy("id")
      .limit(1)
      .forUpdate()
      .skipLocked();
    const others = runningIn("normal");
    const heavy = others.filter(({ row }) => row.heavy).length;
    if (heavy >= heavyAtOnce) due = due.where("heavy", "=", false);
    // Nobody gets the last place as a second one: even if `heavy` was estimated wrong, others need not wait.
    const owners = others.flatMap(({ row }) => row.owner ?? []);
    if (others.length === concurrency - 1 && owners.length > 0)
      due = due.where((job) => job.or([job("owner", "is", null), job("owner", "not in", owners)]));
    return (
      db
        .updateTable("job")
        .set({ lease_owner: owner, attempts: sql`attempts + 1` })
        // As an array, because a plain subquery can run several times and lock more rows than the limit.
        .where("id", "=", sql<string>`any(array(${due}))`)
        .returningAll()
        .executeTakeFirst()
    );
  }

  const hasPlace = () => runningIn("normal").length < concurrency;
  const mayBegin = (lane: Lane) => !stopping.signal.aborted && runningIn(lane).length === 0;
  const hasRoom = () => hasPlace() || (briefKinds.length > 0 && mayBegin("brief"));

  function begin(row: JobRow): void {
    const interrupt = new AbortController();
    const done = work(row, interrupt).finally(() => {
      running.delete(row.id);
      wake();
    });
    running.set(row.id, { row, done, interrupt });
  }

  async function claimWhileFree(): Promise<void> {
    do {
      claimAgain = false;
      if (mayBegin("brief")) {
        const row = await claimNext("brief");
        if (row) begin(row);
      }
      while (hasPlace() && !stopping.signal.aborted) {
        const row = await claimNext("normal");
        if (!row) break;
        begin(row);
      }
      if (running.size === 0 && !stopping.signal.aborted) {
        const row = await claimNext("background");
        if (row) begin(row);
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
        // Woken after the last look.
        if (claimAgain) wake();
      });
  }

  async function work(row: JobRow, interrupt: AbortController): Promise<void> {
    const kind = kinds[row.kind]!;
    const timeout = new AbortController();
    const { timeoutMs } = kind;
    const timer = setTimeout(() => timeout.abort(refusal("JOB_TOO_SLOW", { timeoutMs })), timeoutMs);
    const signal = AbortSignal.any([interrupt.signal, stopping.signal, timeout.signal]);
    const deleteOwn = (on: Queryable<JobTables>) =>
      on.deleteFrom("job").where("id", "=", row.id).where("lease_owner", "=", row.lease_owner);
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
      const lost = interrupt.signal.aborted;
      if (lost) log.warn({ job: row.kind, key: row.key }, "job was lost or removed");
      await putBack(row, kind, error, lost || stopping.signal.aborted).catch((failure) => {
        log.warn({ err: failure }, "could not put a job back");
        resting.add(row.id);
        wakeIn(pauseMs * snoozePauses, () => resting.delete(row.id));
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives a job back, unless another process has taken it over meanwhile. An interrupted attempt does not count. */
  async function putBack(row: JobRow, kind: JobKind, error: unknown, interrupted: boolean): Promise<void> {
    const uncounted = interrupted || isDiskFull(error) || (kind.snoozeOn?.(error) ?? false);
    const last = !uncounted && row.attempts >= kind.maxAttempts;
    if (last) {
      if ((await ownOf([row], row.lease_owner)).size === 0) return;
      await kind.onExhausted?.(row.key, error);
    }
    if (!interrupted)
      log.warn({ err: error, job: row.kind, key: row.key, attempt: row.attempts, last }, "job failed");
    const pauses = uncounted ? snoozePauses : 4 ** (row.attempts - 1);
    const delayMs = interrupted ? 0 : Math.min(pauseMs * pauses, 60_000);
    await db
      .updateTable("job")
      .set({
        lease_owner: null,
        attempts: uncounted ? row.attempts - 1 : row.attempts,
        run_at: sql`now() + ${delayMs} * interval '1 ms'`,
        last_error: interrupted ? row.last_error : String(error).slice(0, 2000),
        dead: last,
      })
      .where("id", "=", row.id)
      .where("lease_owner", "=", row.lease_owner)
      .execute();
    if (!interrupted && !last) wakeIn(delayMs);
  }

  /** The ids of those of these jobs that are marked with a lease. */
  async function ownOf(rows: JobRow[], owner: string | null): Promise<Set<string>> {
    const own = await db
      .selectFrom("job")
      .select("id")
      .where(
        "id",
        "in",
        rows.map(({ id }) => id),
      )
      .where("lease_owner", "=", owner)
      .execute();
    return new Set(own.map((row) => row.id));
  }

  /** Interrupts jobs that were removed or that another process may take over. */
  async function interruptLost(): Promise<void> {
    const before = [...running];
    if (before.length === 0) return;
    const own = await ownOf(
      before.map(([, { row }]) => row),
      lease.id,
    );
    for (const [id, { interrupt }] of before) if (!own.has(id)) interrupt.abort(refusal("JOB_INTERRUPTED"));
  }

  function wakeIn(delayMs: number, before = () => {}): void {
    setTimeout(() => {
      before();
      wake();
    }, delayMs).unref();
  }

  const endHeartbeat = lease.onHeartbeat(interruptLost);
  wake();

  return {
    wake,
    hasRoom,
    async stop() {
      endHeartbeat();
      stopping.abort(refusal("JOB_INTERRUPTED"));
      await claiming;
      await Promise.all([...running.values()].map((job) => job.done));
    },
  };
}
