import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { ProcessLease } from "../../lease/process-lease.ts";
import type { Logger } from "../../observe/log.ts";
import { createWakeSignal } from "../wake-signal.ts";

/**
 * The stable position of the log (Kafka: the last stable offset): no event at or below it can still be committed or rolled
 * back. It is watched once for all consumers of a process, which ask nothing while it stands still. Positions are below
 * 2^48, so numbers hold them.
 */
export interface StablePosition {
  /** As of the last query. It only grows. */
  position(): number;
  /** The number of partitions, as of the last query. */
  partitionCount(): number;
  /** Calls `notify` whenever it has grown; returns a function that ends this. */
  watch(notify: () => void): () => void;
  /** Queries now, because this process has committed events. */
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Minimum time between two queries: writers can wake it a thousand times a second, each change makes every group of the
 * process read, and larger batches are cheaper.
 */
const minDelayMs = 25;
const busyDelayMs = 5;
const minIdleMs = 50;
const maxIdleMs = 250;
/** While no other process is alive, only an operator's command can commit events without waking it. */
const maxIdleAloneMs = 2_000;
const troubleDelayMs = 1_000;

export function watchStablePosition(
  pool: Pool,
  { log, lease }: { log: Logger; lease: Pick<ProcessLease, "others"> },
): StablePosition {
  const wakeSignal = createWakeSignal();
  const watchers = new Set<() => void>();
  let position = 0;
  let partitions = 0;
  let stopping = false;
  let running: Promise<void> | undefined;

  /** Queries the position; returns how long to wait before the next query. */
  async function query(idleMs: number): Promise<number> {
    const { rows } = await pool.query<{ stable: string; assigned: string; partitions: number }>(
      `select events.horizon() as stable, (select last_value from events.log_position_seq) as assigned,
         events.partitions() as partitions`,
    );
    partitions = rows[0]!.partitions;
    const stable = Number(rows[0]!.stable);
    const advanced = stable > position;
    if (advanced) {
      position = stable;
      for (const notify of watchers) notify();
    }
    // A transaction is under way, which ends in a moment.
    if (Number(rows[0]!.assigned) > Math.max(stable, 1)) return busyDelayMs;
    if (advanced) return minIdleMs;
    return Math.min(lease.others() > 0 ? maxIdleMs : maxIdleAloneMs, Math.max(minIdleMs, idleMs * 1.25));
  }

  async function run(): Promise<void> {
    let delayMs = minIdleMs;
    while (!stopping) {
      delayMs = await query(delayMs).catch((error) => {
        log.warn({ err: error }, "could not read the stable position of the event log");
        return troubleDelayMs;
      });
      const queriedAtMs = performance.now();
      await wakeSignal.wait(delayMs);
      const earlyMs = queriedAtMs + minDelayMs - performance.now();
      if (earlyMs > 0) await delay(earlyMs);
    }
  }

  return {
    position: () => position,
    partitionCount: () => partitions,
    watch(notify) {
      watchers.add(notify);
      running ??= run();
      return () => watchers.delete(notify);
    },
    wake: wakeSignal.wake,
    async stop() {
      stopping = true;
      wakeSignal.wake();
      await running;
    },
  };
}
