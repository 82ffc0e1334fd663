import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Logger } from "../observe/log.ts";
import { createAlarm } from "./alarm.ts";

/**
 * Up to where the log is decided, watched once for all consumers of a process: while nothing happens they ask
 * nothing. Positions are below 2^48, so numbers hold them.
 */
export interface Horizon {
  /** What was decided when we last looked. It only grows. */
  position(): number;
  /** Calls `notify` whenever it has grown; tells how to end that. */
  watch(notify: () => void): () => void;
  /** Looks now: something was committed here. */
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Between two looks: writers may ring a thousand times a second, each look has every group of the process read, and
 * larger batches are cheaper.
 */
const minDelayMs = 25;
const busyDelayMs = 5;
const minIdleMs = 50;
const maxIdleMs = 250;
const troubleDelayMs = 1_000;

export function createHorizon(pool: Pool, log: Logger): Horizon {
  const alarm = createAlarm();
  const watchers = new Set<() => void>();
  let position = 0;
  let stopping = false;
  let running: Promise<void> | undefined;

  /** Tells how long to wait before looking again. */
  async function look(idleMs: number): Promise<number> {
    const { rows } = await pool.query<{ decided: string; drawn: string }>(
      "select events.horizon() as decided, (select last_value from events.log_position_seq) as drawn",
    );
    const decided = Number(rows[0]!.decided);
    const grown = decided > position;
    if (grown) {
      position = decided;
      for (const notify of watchers) notify();
    }
    // Somebody is writing: it will be decided in a moment.
    if (Number(rows[0]!.drawn) > Math.max(decided, 1)) return busyDelayMs;
    return grown ? minIdleMs : Math.min(maxIdleMs, Math.max(minIdleMs, idleMs * 1.25));
  }

  async function run(): Promise<void> {
    let delayMs = minIdleMs;
    while (!stopping) {
      delayMs = await look(delayMs).catch((error) => {
        log.warn({ err: error }, "could not look how far the event log is decided");
        return troubleDelayMs;
      });
      const lookedAtMs = performance.now();
      await alarm.wait(delayMs);
      const earlyMs = lookedAtMs + minDelayMs - performance.now();
      if (earlyMs > 0) await delay(earlyMs);
    }
  }

  return {
    position: () => position,
    watch(notify) {
      watchers.add(notify);
      running ??= run();
      return () => watchers.delete(notify);
    },
    wake: alarm.ring,
    async stop() {
      stopping = true;
      alarm.ring();
      await running;
    },
  };
}
