import type { Pool } from "pg";
import type { Kysely, Transaction } from "../../db/database.ts";
import type { ProcessLease } from "../../lease/process-lease.ts";
import { type Logger, lastingChild } from "../../observe/log.ts";
import type { Metrics } from "../../observe/metrics.ts";
import { answersOf } from "../answers.ts";
import type { EventOf, EventType } from "../event-type.ts";
import { decode } from "../log/log-row.ts";
import type { LogSource } from "../log/log-source.ts";
import { createWakeSignal } from "../wake-signal.ts";
import { createAssignment } from "./assignment.ts";
import { createBatchProcessor } from "./batch-processor.ts";
import type { HandlerContext, PrepareContext } from "./handler-transaction.ts";
import type { GroupView, Membership } from "./membership.ts";
import { atEnd, hasBegun, readOffsets, registerGroup, registerOrigins } from "./offsets.ts";
import {
  backOffMs,
  batchSize,
  intoTransactions,
  isHealthy,
  newPartitionState,
  type PartitionState,
} from "./partition-state.ts";
import { createSubscriptions } from "./subscriptions.ts";

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
const notYetMs = 100;
const hour = 3_600_000;
/** Failing partitions, whose events are handled one by one, come first, but for no longer than this. */
const failingFirstMs = 1_000;

/** Starts a member of a group. All processes that call it with the same group share the work. */
export function startConsumer<Tables, Type extends EventType, Prepared>(
  db: Kysely<Tables>,
  options: ConsumeOptions<Tables, Type, Prepared>,
  dependencies: {
    pool: Pool;
    /** Where the events of each database come from, as far as they are known by now. */
    sources(): Promise<readonly LogSource[]>;
    log: Logger;
    lease: ProcessLease;
    membership: Membership;
    onEmitted: () => void;
    measure?: Metrics["batches"] | undefined;
  },
): Consumer {
  const { group, from = "start", batch: maxEvents = 500 } = options;
  const { maxAttempts = 5, retryDelayMs = 100, handleTimeoutMs: timeoutMs = 25_000 } = options;
  const rules = { maxAttempts, retryDelayMs, slowForMs: options.slowForMs ?? 6 * hour };
  const { pool, sources, lease, membership, onEmitted, measure } = dependencies;
  const log = lastingChild(dependencies.log, { group });
  const types = new Map<string, Type>(options.types.map((type) => [type.name, type]));
  const wakeSignal = createWakeSignal();
  const stopSignal = createWakeSignal();
  const assignment = createAssignment(pool, group, lease, newPartitionState);
  const subscriptions = createSubscriptions({
    types: [...types.keys()],
    held: assignment.held,
    log,
    notify: wakeSignal.wake,
  });
  /** How many of each origin. */
  const registeredPartitions = new Map<string, number>();
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
    measure,
  });

  const behind = (): PartitionState[] => [...assignment.held.values()].filter(subscriptions.isBehind);

  /** Reads new events in the partitions that are not waiting for a retry, and processes them. */
  async function readAndProcess(): Promise<void> {
    const states = behind().filter((state) => state.retryAtMs <= performance.now());
    if (states.length === 0) return;
    const limits = states.map((state) => batchSize(state, maxEvents));
    const batches = await subscriptions.read(states, limits);
    for (const { state, rows, end } of batches) {
      if (rows.length > 0) continue;
      // What is there cannot be had yet.
      if (end === state.position) state.retryAtMs = performance.now() + notYetMs;
      state.position = end;
    }
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
    if (assignment.update(view) || [...assignment.held.values()].some(waitsForEnd)) mustRebalance = true;
    if (mustRebalance || replayRequested || !registered) wakeSignal.wake();
    void lookForSources();
  }

  /** Registers the group, and where it begins in every database that it has not read from yet. */
  async function register(): Promise<void> {
    registered = true;
    try {
      await registerGroup(pool, group, [...types.keys()]);
      const known = await sources();
      // To a group that has begun, everything in a log that it has not read yet is new.
      const atTheEnd = from === "end" && !(await hasBegun(pool, group));
      const begins = known.map(async (source) => ({
        origin: source.origin,
        // Before the end, so that this is in none of the partitions that are split later.
        partitions: await source.partitions(),
        position: atTheEnd ? await source.end() : 0,
      }));
      // A database that is away does not keep the others waiting; the next heartbeat asks it again.
      const begun = atTheEnd ? await Promise.all(begins) : await answersOf(begins);
      await registerOrigins(pool, group, begun);
      for (const { origin, partitions } of begun) registeredPartitions.set(origin, partitions.length);
      for (const source of known)
        if (registeredPartitions.has(source.origin) && !subscriptions.has(source.origin))
          subscriptions.add(source);
    } catch (error) {
      registered = false;
      throw error;
    }
  }

  async function isBehind(): Promise<boolean> {
    for (const source of await sources()) {
      const offsets = await readOffsets(pool, group, source.origin);
      const partitions = await source.partitions();
      if (offsets.length < partitions.length || (await source.hasAfter(offsets, [...types.keys()])))
        return true;
    }
    return false;
  }

  function waitsForEnd({ origin, position }: PartitionState): boolean {
    return position === atEnd && subscriptions.has(origin);
  }

  async function lookForSources(): Promise<void> {
    const known = await sources().catch(() => []);
    const isRegistered = ({ origin, partitionCount }: LogSource) =>
      subscriptions.has(origin) && (registeredPartitions.get(origin) ?? 0) >= partitionCount();
    if (known.every(isRegistered)) return;
    registered = false;
    wakeSignal.wake();
  }

  /** Puts the end of the log of each origin where an operator has asked for it. */
  async function resolveEnds(): Promise<void> {
    for (const source of await sources()) {
      const waiting = [...assignment.held.values()].filter(
        ({ origin, position }) => origin === source.origin && position === atEnd,
      );
      if (waiting.length === 0) continue;
      const position = await source.end().catch((error) => {
        log.warn({ err: error, origin: source.origin }, "could not find the end of a log yet");
      });
      // The next heartbeat asks again, because nothing is stored.
      if (position === undefined) continue;
      for (const state of waiting) state.position = position;
      mustRebalance = true;
    }
  }

  async function step(): Promise<void> {
    if (mustRebalance) {
      mustRebalance = false;
      await assignment.rebalance();
      await resolveEnds();
    }
    await readAndProcess();
    if (!replayRequested) return;
    replayRequested = false;
    await processor.replay([...assignment.held.values()], () => stopping);
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
          await register();
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

  const running = run();

  return {
    async settled(limitMs = 120_000) {
      for (const deadline = Date.now() + limitMs; await isBehind(); ) {
        if (Date.now() > deadline) throw new Error(`${group} has not settled within ${limitMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, pollSettledMs));
      }
    },
    async stop() {
      stopping = true;
      subscriptions.end();
      wakeSignal.wake();
      stopSignal.wake();
      await running;
      await membership.leave(group).catch((error) => log.warn({ err: error }, "could not leave a group"));
      await assignment.release().catch((error) => log.warn({ err: error }, "could not give back partitions"));
    },
  };
}
