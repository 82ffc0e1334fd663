import type { Queryable } from "../db/database.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { newTraceId } from "../observe/trace-context.ts";
import {
  type Attempts,
  type ClaimedJob,
  finishJob,
  type JobDesk,
  snoozePauses,
  usualPauseMs,
} from "./job-desk.ts";

export interface Job {
  /** Of the job itself. */
  id: string;
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

export interface JobKind extends Attempts {
  /** Does the work. It can run again after any step, so every step is idempotent. */
  run(job: Job): Promise<void>;
  timeoutMs: number;
  /**
   * Begun only while this process runs no other job and none that it could run is due, or when it has waited for long;
   * one at a time, and no other job waits for it.
   */
  background?: boolean;
  /** Takes a moment, and somebody counts on the time: begun also while no place is free, one at a time. */
  brief?: boolean;
  /** Waits for others outside: has as many places of its own kind as there are for all others, and no other job waits. */
  apart?: boolean;
}

/** Which jobs wait for one another. */
type Lane = "normal" | "background" | "brief" | "apart";
/** Those with several places. */
const hasMany: readonly Lane[] = ["normal", "apart"];

/** A process that is never idle begins what has waited for so long in the background all the same. */
const patientMs = 15 * 60_000;

export interface WorkOptions {
  kinds: Record<string, JobKind>;
  /** How many jobs run at once in this process. */
  concurrency: number;
  /** How many of these may be heavy, so that short jobs need not wait for long ones; all by default. */
  heavyAtOnce?: number;
  /** The pause after a first failure; it grows fourfold with each, up to a minute. */
  pauseMs?: number;
  /** After so long a background job no longer waits for an idle moment. */
  backgroundPatienceMs?: number;
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
  row: ClaimedJob;
  done: Promise<void>;
  interrupt: AbortController;
}

/** Runs jobs of a desk; `onHeartbeat` calls now and then, more often than what this worker holds becomes free. */
export function startWorkers(
  desk: JobDesk,
  options: Omit<WorkOptions, "pauseMs"> & { pauseMs?: number | undefined },
  {
    onHeartbeat,
    measure,
    log,
  }: {
    onHeartbeat(act: () => Promise<void>): () => void;
    /** Of each attempt: its kind, `ok`, `failed` or `interrupted`, and its seconds. */
    measure?: Metrics["jobs"] | undefined;
    log: Logger;
  },
): Workers {
  const { kinds, concurrency, heavyAtOnce = concurrency, pauseMs = usualPauseMs } = options;
  const { backgroundPatienceMs = patientMs } = options;
  const stopping = new AbortController();
  const running = new Map<string, Running>();
  /** Jobs of this process that could not be put back. They are not claimed again at once. */
  const resting = new Set<string>();
  let claiming: Promise<void> | undefined;
  let claimAgain = false;

  const laneOf = (kind: string): Lane => {
    const { background, brief, apart } = kinds[kind]!;
    return background ? "background" : brief ? "brief" : apart ? "apart" : "normal";
  };
  const runningIn = (lane: Lane) => [...running.values()].filter(({ row }) => laneOf(row.kind) === lane);
  const has = (lane: Lane) => Object.keys(kinds).some((kind) => laneOf(kind) === lane);

  async function claimNext(lane: Lane, dueForMs = 0): Promise<ClaimedJob | undefined> {
    const wanted = Object.keys(kinds).filter((kind) => laneOf(kind) === lane);
    if (wanted.length === 0) return undefined;
    const others = runningIn(lane);
    // Nobody gets the last place as a second one: even if `heavy` was estimated wrong, others need not wait.
    const isLastPlace = hasMany.includes(lane) && others.length === concurrency - 1;
    return desk.claim({
      kinds: wanted,
      // Also when we lost our lease: they still run here until they are interrupted.
      exceptIds: [...running.keys(), ...resting],
      lightOnly: lane === "normal" && others.filter(({ row }) => row.heavy).length >= heavyAtOnce,
      exceptOwners: isLastPlace ? others.flatMap(({ row }) => row.owner ?? []) : [],
      dueForMs,
    });
  }

  const hasPlace = (lane: Lane) => !stopping.signal.aborted && runningIn(lane).length < concurrency;
  const mayBegin = (lane: Lane) => !stopping.signal.aborted && runningIn(lane).length === 0;
  const hasRoom = () =>
    hasMany.some((lane) => has(lane) && hasPlace(lane)) || (has("brief") && mayBegin("brief"));

  function begin(row: ClaimedJob): void {
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
      for (const lane of hasMany)
        while (hasPlace(lane)) {
          const row = await claimNext(lane);
          if (!row) break;
          begin(row);
        }
      if (mayBegin("background")) {
        const row = await claimNext("background", running.size === 0 ? 0 : backgroundPatienceMs);
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

  async function work(row: ClaimedJob, interrupt: AbortController): Promise<void> {
    const kind = kinds[row.kind]!;
    const timeout = new AbortController();
    const { timeoutMs } = kind;
    const timer = setTimeout(() => timeout.abort(refusal("JOB_TOO_SLOW", { timeoutMs })), timeoutMs);
    const startedMs = performance.now();
    let outcome = "ok";
    const signal = AbortSignal.any([interrupt.signal, stopping.signal, timeout.signal]);
    try {
      signal.throwIfAborted();
      // Each worker died during this job without noting a failure, and the next one would die too.
      if (row.attempts > kind.maxAttempts) throw new Error("no attempt came to an end");
      await kind.run({
        id: row.id,
        key: row.key,
        attempt: row.attempts,
        signal,
        traceId: row.trace_id ?? newTraceId(),
        finish: (transaction) => finishJob(transaction, row),
      });
      await desk.remove(row);
    } catch (error) {
      const lost = interrupt.signal.aborted;
      outcome = lost || stopping.signal.aborted ? "interrupted" : "failed";
      if (lost) log.warn({ job: row.kind, key: row.key }, "job was lost or removed");
      await giveBack(row, error, outcome === "interrupted").catch((failure) => {
        log.warn({ err: failure }, "could not put a job back");
        resting.add(row.id);
        wakeIn(pauseMs * snoozePauses, () => resting.delete(row.id));
      });
    } finally {
      clearTimeout(timer);
      measure?.observe({ kind: row.kind, outcome }, (performance.now() - startedMs) / 1000);
    }
  }

  async function giveBack(row: ClaimedJob, error: unknown, interrupted: boolean): Promise<void> {
    const { delayMs, last } = await desk.giveBack(row, { error, interrupted });
    if (!interrupted && !last) wakeIn(delayMs);
  }

  /** Interrupts jobs that were removed or that another process may take over. */
  async function interruptLost(): Promise<void> {
    const before = [...running];
    if (before.length === 0) return;
    const own = await desk.keep(before.map(([, { row }]) => row));
    for (const [id, { interrupt }] of before) if (!own.has(id)) interrupt.abort(refusal("JOB_INTERRUPTED"));
  }

  function wakeIn(delayMs: number, before = () => {}): void {
    setTimeout(() => {
      before();
      wake();
    }, delayMs).unref();
  }

  const endHeartbeat = onHeartbeat(interruptLost);
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
