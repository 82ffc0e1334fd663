import type { Pool } from "pg";
import type { Kysely, Transaction } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";
import { createBatchProcessor } from "./batch-processor.ts";
import type { EventOf, EventType } from "./event-type.ts";
import type { HandlerContext } from "./handler-transaction.ts";
import { createLeases } from "./leases.ts";
import type { LogReader } from "./log-reader.ts";
import { decode } from "./log-row.ts";
import { introduceGroup, isBehind } from "./offsets.ts";
import {
  backOffMs,
  batchSize,
  intoTransactions,
  isHealthy,
  newPartitionState,
  type PartitionState,
} from "./partition-state.ts";
import type { StablePosition } from "./stable-position.ts";
import { createWakeSignal } from "./wake-signal.ts";

export interface ConsumeOptions<Tables, Type extends EventType> {
  /** Whose offsets these are, for ever: `feed.inbox`. */
  group: string;
  /** The database of the module, in whose transactions the effects are. */
  db: Kysely<Tables>;
  types: readonly Type[];
  /**
   * Acts on some events, in order within each key, in one transaction with the offset: exactly once in effect. What
   * it does outside of the transaction may happen again. What it throws decides what follows: "not now" (isTransient)
   * is tried again for as long as it takes. What ran out of time (isTimeout) is tried again event by event, for up
   * to `slowForMs`; any other error `maxAttempts` times. After that the one event that is the cause is parked as a
   * dead letter.
   */
  handle(transaction: Transaction<Tables>, events: EventOf<Type>[], context: HandlerContext): Promise<void>;
  /** Where a new group begins; by default with the oldest event there is. */
  from?: "start" | "end";
  /** Most events handled in one transaction; 500. */
  batch?: number;
  /** 5. */
  maxAttempts?: number;
  /** Before the second attempt, 100; doubles from there up to 10 s. */
  retryDelayMs?: number;
  /** 25,000, less than the database lets a transaction stand idle; a handler that takes longer is ended. */
  handleTimeoutMs?: number;
  /** How long an event is tried that runs out of time each time, before it is parked; 6 hours. */
  slowForMs?: number;
}

export interface Consumer {
  /** For tests: resolves when the group has handled or parked what is committed so far. Error after `timeoutMs`. */
  settled(timeoutMs?: number): Promise<void>;
  /** Ends after what is being handled; others take the partitions over. */
  stop(): Promise<void>;
}

const maxSleepMs = 60_000;
const pollSettledMs = 5;
const hour = 3_600_000;
/** Partitions whose events are handled one by one come first, for so long; then the others have their turn. */
const troubledMs = 1_000;

/** Starts a member of a group; every process that calls it with the same group shares the work. */
export function startConsumer<Tables, Type extends EventType>(
  options: ConsumeOptions<Tables, Type>,
  parts: {
    pool: Pool;
    stable: StablePosition;
    reader: LogReader;
    log: Logger;
    leaseMs: number;
    onEmitted: (types: Set<string>) => void;
  },
): Consumer {
  const { group, db, handle, from = "start", batch: maxEvents = 500 } = options;
  const { maxAttempts = 5, retryDelayMs = 100, handleTimeoutMs: timeoutMs = 25_000 } = options;
  const rules = { maxAttempts, retryDelayMs, slowForMs: options.slowForMs ?? 6 * hour };
  const { pool, stable, leaseMs, onEmitted } = parts;
  const log = parts.log.child({ group });
  const types = new Map<string, Type>(options.types.map((type) => [type.name, type]));
  const wakeSignal = createWakeSignal();
  const leases = createLeases(pool, group, leaseMs, newPartitionState);
  const reading = parts.reader.join({ types: [...types.keys()], partitions: () => leases.held.keys() });
  let stopping = false;
  let mustRebalance = false;
  let replayAsked = false;

  const processor = createBatchProcessor<Tables>({
    group,
    db,
    pool,
    log,
    timeoutMs,
    rules,
    act: (transaction, rows, context) => {
      const events = rows.map((row) => decode(row, types));
      return handle(transaction, events, context);
    },
    onLost: () => {
      mustRebalance = true;
    },
    onEmitted,
  });

  const behind = (): PartitionState[] =>
    [...leases.held.values()].filter((state) => state.position < stable.position());

  /** Reads what is new in the partitions that need not wait, and handles it. */
  async function turn(): Promise<void> {
    const states = behind().filter((state) => state.retryAtMs <= performance.now());
    if (states.length === 0) return;
    const limits = states.map((state) => batchSize(state, maxEvents));
    const batches = await reading.read({ states, limits, upTo: stable.position() });
    for (const { state, rows, end } of batches) if (rows.length === 0) state.position = end;
    const filled = batches.filter(({ rows }) => rows.length > 0);
    // Sorted before anything is handled, which changes it.
    const [sound, troubled] = [true, false].map((well) =>
      filled.filter(({ state }) => isHealthy(state) === well),
    );
    troubled!.sort((a, b) => a.state.retryAtMs - b.state.retryAtMs);
    const untilMs = performance.now() + troubledMs;
    for (const batch of troubled!) {
      if (stopping) return;
      await processor.processBatches([batch]);
      if (performance.now() > untilMs) break;
    }
    for (const together of intoTransactions(sound!, maxEvents)) {
      if (stopping || !(await processor.processBatches(together))) return;
    }
  }

  async function heartbeat(): Promise<void> {
    replayAsked = await leases.heartbeat();
    mustRebalance = true;
    wakeSignal.wake();
  }

  async function step(): Promise<void> {
    if (mustRebalance) {
      mustRebalance = false;
      await leases.rebalance();
    }
    await turn();
    if (!replayAsked) return;
    replayAsked = false;
    await processor.replay([...leases.held.keys()], () => stopping);
  }

  /** How long there is nothing to do, unless somebody rings. */
  function sleepMs(): number {
    if (mustRebalance) return 0;
    return Math.min(maxSleepMs, ...behind().map((state) => state.retryAtMs - performance.now()));
  }

  async function run(): Promise<void> {
    let introduced = false;
    let troubles = 0;
    while (!stopping) {
      try {
        if (!introduced) {
          await introduceGroup(pool, group, [...types.keys()], from);
          await heartbeat();
          introduced = true;
        }
        await step();
        troubles = 0;
        if (sleepMs() > 0) await wakeSignal.wait(sleepMs());
      } catch (error) {
        mustRebalance = true;
        log.warn({ err: error }, "could not read events");
        await wakeSignal.wait(backOffMs(retryDelayMs, troubles++));
      }
    }
  }

  const endWatch = stable.watch(wakeSignal.wake);
  const heartbeats = setInterval(() => {
    heartbeat().catch((error) => log.warn({ err: error }, "could not renew the membership of a consumer"));
  }, leaseMs / 3);
  const running = run();

  return {
    async settled(limitMs = 120_000) {
      for (const deadline = Date.now() + limitMs; await isBehind(pool, group, [...types.keys()]); ) {
        if (Date.now() > deadline) throw new Error(`${group} has not settled within ${limitMs} ms`);
        stable.wake();
        await new Promise((resolve) => setTimeout(resolve, pollSettledMs));
      }
    },
    async stop() {
      stopping = true;
      clearInterval(heartbeats);
      endWatch();
      reading.leave();
      wakeSignal.wake();
      await running;
      await leases.release().catch((error) => log.warn({ err: error }, "could not give back partitions"));
    },
  };
}
