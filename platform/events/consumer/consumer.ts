import type { Pool } from "pg";
import type { Kysely, Transaction } from "../../db/database.ts";
import type { ProcessLease } from "../../lease/process-lease.ts";
import type { Logger } from "../../observe/log.ts";
import type { EventOf, EventType } from "../event-type.ts";
import type { LogReader } from "../log/log-reader.ts";
import { decode } from "../log/log-row.ts";
import type { StablePosition } from "../log/stable-position.ts";
import { createWakeSignal } from "../wake-signal.ts";
import { createAssignment } from "./assignment.ts";
import { createBatchProcessor } from "./batch-processor.ts";
import type { HandlerContext, PrepareContext } from "./handler-transaction.ts";
import type { GroupView, Membership } from "./membership.ts";
import { isBehind, registerGroup } from "./offsets.ts";
import {
  backOffMs,
  batchSize,
  intoTransactions,
  isHealthy,
  newPartitionState,
  type PartitionState,
} from "./partition-state.ts";

export interface ConsumeOptions<Tables, Type extends EventType, Prepared = undefined> {
  /** The name under which the offsets are stored, such as `feed.inbox`. It never changes. */
  group: string;
  types: readonly Type[];
  /**
   * Comes before the transaction and holds no connection: calls other modules, and takes steps that are idempotent and
   * have transactions of their own. All of it can happen again, also while another member handles the same events.
   */
  prepare?(events: EventOf<Type>[], context: PrepareContext): Promise<Prepared>;
  /**
   * Handles a batch of events, in order within each key, in one transaction with the offset: exactly once in effect.
   * It waits for nothing but its transaction. Its error decides how the batch is retried: a transient
   * error (isTransient) without limit, a timeout (isTimeout) event by event for up to `slowForMs`, and any other error
   * `maxAttempts` times. After that the one event that is the cause is parked as a dead letter.
   */
  handle?(
    transaction: Transaction<Tables>,
    events: EventOf<Type>[],
    context: HandlerContext<Prepared>,
  ): Promise<void>;
  /** Where a new group begins; by default at the oldest event. */
  from?: "start" | "end";
  /** Most events handled in one transaction; 500. */
  batch?: number;
  /** 5. */
  maxAttempts?: number;
  /** Delay before the second attempt, 100; doubles up to 10 s. */
  retryDelayMs?: number;
  /** 25,000, less than the database's idle_in_transaction_session_timeout. A step that takes longer is ended. */
  handleTimeoutMs?: number;
  /** How long an event that times out is retried before it is parked; 6 hours. */
  slowForMs?: number;
}

export interface Consumer {
  /** For tests: resolves when the group has handled or parked what is committed so far. Error after `timeoutMs`. */
  settled(timeoutMs?: number): Promise<void>;
  /** Ends after the current batch; other members take the partitions over. */
  stop(): Promise<void>;
}

const maxSleepMs = 60_000;
const pollSettledMs = 5;
const hour = 3_600_000;
/** Failing partitions, whose events are handled one by one, come first, but for no longer than this. */
const failingFirstMs = 1_000;

/** Starts a member of a group. All processes that call it with the same group share the work. */
export function startConsumer<Tables, Type extends EventType, Prepared>(
  db: Kysely<Tables>,
  options: ConsumeOptions<Tables, Type, Prepared>,
  dependencies: {
    pool: Pool;
    stable: StablePosition;
    reader: LogReader;
    log: Logger;
    lease: ProcessLease;
    membership: Membership;
    onEmitted: () => void;
  },
): Consumer {
  const { group, from = "start", batch: maxEvents = 500 } = options;
  const { maxAttempts = 5, retryDelayMs = 100, handleTimeoutMs: timeoutMs = 25_000 } = options;
  const rules = { maxAttempts, retryDelayMs, slowForMs: options.slowForMs ?? 6 * hour };
  const { pool, stable, lease, membership, onEmitted } = dependencies;
  const log = dependencies.log.child({ group });
  const types = new Map<string, Type>(options.types.map((type) => [type.name, type]));
  const wakeSignal = createWakeSignal();
  const stopSignal = createWakeSignal();
  const assignment = createAssignment(pool, group, lease, newPartitionState);
  const subscription = dependencies.reader.subscribe({
    types: [...types.keys()],
    partitions: () => assignment.held.keys(),
  });
  let stopping = false;
  let registered = false;
  let mustRebalance = false;
  let replayRequested = false;

  const processor = createBatchProcessor<Tables, Prepared>({
    group,
    db,
    pool,
    log,
    timeoutMs,
    rules,
    stepsOf: (rows) => {
      const events = rows.map((row) => decode(row, types));
      return {
        prepare: async (context) => (await options.prepare?.(events, context)) as Prepared,
        traceId: events[0]!.traceId,
        apply: async (transaction, context) => options.handle?.(transaction, events, context),
      };
    },
    onLost: () => {
      mustRebalance = true;
    },
    onEmitted,
  });

  const behind = (): PartitionState[] =>
    [...assignment.held.values()].filter((state) => state.position < stable.position());

  /** Reads new events in the partitions that are not waiting for a retry, and processes them. */
  async function readAndProcess(): Promise<void> {
    const states = behind().filter((state) => state.retryAtMs <= performance.now());
    if (states.length === 0) return;
    const limits = states.map((state) => batchSize(state, maxEvents));
    const batches = await subscription.read({ states, limits, upTo: stable.position() });
    for (const { state, rows, end } of batches) if (rows.length === 0) state.position = end;
    const filled = batches.filter(({ rows }) => rows.length > 0);
    // Split before anything is processed, because processing changes the state.
    const [healthy, failing] = [true, false].map((expected) =>
      filled.filter(({ state }) => isHealthy(state) === expected),
    );
    failing!.sort((a, b) => a.state.retryAtMs - b.state.retryAtMs);
    const untilMs = performance.now() + failingFirstMs;
    for (const batch of failing!) {
      if (stopping) return;
      await processor.processBatches([batch]);
      if (performance.now() > untilMs) break;
    }
    for (const together of intoTransactions(healthy!, maxEvents)) {
      if (stopping || !(await processor.processBatches(together))) return;
    }
  }

  function onView(view: GroupView): void {
    replayRequested = view.replay;
    if (!view.known) registered = false;
    if (assignment.update(view)) mustRebalance = true;
    if (mustRebalance || replayRequested || !registered) wakeSignal.wake();
  }

  async function step(): Promise<void> {
    if (mustRebalance) {
      mustRebalance = false;
      await assignment.rebalance();
    }
    await readAndProcess();
    if (!replayRequested) return;
    replayRequested = false;
    await processor.replay([...assignment.held.keys()], () => stopping);
  }

  /** How long there is nothing to do, unless the wake signal comes. */
  function sleepMs(): number {
    if (mustRebalance) return 0;
    return Math.min(maxSleepMs, ...behind().map((state) => state.retryAtMs - performance.now()));
  }

  async function run(): Promise<void> {
    let introduced = false;
    let failures = 0;
    while (!stopping) {
      try {
        if (!registered) {
          registered = true;
          await registerGroup(pool, group, [...types.keys()], from).catch((error) => {
            registered = false;
            throw error;
          });
          if (introduced) mustRebalance = true;
        }
        if (!introduced) {
          await membership.join(group, onView);
          introduced = true;
        }
        await step();
        failures = 0;
        if (sleepMs() > 0) await wakeSignal.wait(sleepMs());
      } catch (error) {
        mustRebalance = true;
        log.warn({ err: error }, "could not read events");
        // Not the other signal: each event would cut it short, while the database has trouble.
        await stopSignal.wait(backOffMs(retryDelayMs, failures++));
      }
    }
  }

  const endWatch = stable.watch(wakeSignal.wake);
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
      endWatch();
      subscription.unsubscribe();
      wakeSignal.wake();
      stopSignal.wake();
      await running;
      await membership.leave(group).catch((error) => log.warn({ err: error }, "could not leave a group"));
      await assignment.release().catch((error) => log.warn({ err: error }, "could not give back partitions"));
    },
  };
}
