import type { Pool } from "pg";
import type { Kysely, Transaction } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";
import { createAlarm } from "./alarm.ts";
import type { HandleContext } from "./effect.ts";
import type { EventOf, EventType } from "./event-type.ts";
import { createHandling } from "./handling.ts";
import type { Horizon } from "./horizon.ts";
import { backOffMs, inBatches, isSound, type Lane, newLane, portionSize } from "./lane.ts";
import { createLeases } from "./leases.ts";
import type { LogReader } from "./log-reader.ts";
import { decode } from "./log-row.ts";
import { introduceGroup, isBehind } from "./offsets.ts";

export interface ConsumeOptions<Tables, Type extends EventType> {
  /** Whose offsets these are, for ever: `feed.inbox`. */
  group: string;
  /** The database of the module, in whose transactions the effects are. */
  db: Kysely<Tables>;
  types: readonly Type[];
  /**
   * Acts on some events, in order within each key, in one transaction with the offset: exactly once in effect. What
   * it does outside of the transaction may happen again. What it throws decides what follows: "not now" (isPassing)
   * is tried again for as long as it takes. What ran out of time (ranOutOfTime) is tried again event by event, for up
   * to `slowForMs`; any other error `maxAttempts` times. After that the one event that is the cause is parked as a
   * dead letter.
   */
  handle(transaction: Transaction<Tables>, events: EventOf<Type>[], context: HandleContext): Promise<void>;
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
    horizon: Horizon;
    reader: LogReader;
    log: Logger;
    leaseMs: number;
    onEmitted: (types: Set<string>) => void;
  },
): Consumer {
  const { group, db, handle, from = "start", batch = 500 } = options;
  const { maxAttempts = 5, retryDelayMs = 100, handleTimeoutMs: timeoutMs = 25_000 } = options;
  const rules = { maxAttempts, retryDelayMs, slowForMs: options.slowForMs ?? 6 * hour };
  const { pool, horizon, leaseMs, onEmitted } = parts;
  const log = parts.log.child({ group });
  const types = new Map<string, Type>(options.types.map((type) => [type.name, type]));
  const alarm = createAlarm();
  const leases = createLeases(pool, group, leaseMs, newLane);
  const reading = parts.reader.join({ types: [...types.keys()], partitions: () => leases.held.keys() });
  let stopping = false;
  let unsettled = false;
  let replayAsked = false;

  const handling = createHandling<Tables>({
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
      unsettled = true;
    },
    onEmitted,
  });

  const behind = (): Lane[] => [...leases.held.values()].filter((lane) => lane.position < horizon.position());

  /** Reads what is new in the partitions that need not wait, and handles it. */
  async function turn(): Promise<void> {
    const lanes = behind().filter((lane) => lane.retryAtMs <= performance.now());
    if (lanes.length === 0) return;
    const limits = lanes.map((lane) => portionSize(lane, batch));
    const portions = await reading.read({ lanes, limits, upTo: horizon.position() });
    for (const { lane, rows, end } of portions) if (rows.length === 0) lane.position = end;
    const filled = portions.filter(({ rows }) => rows.length > 0);
    // Sorted before anything is handled, which changes it.
    const [sound, troubled] = [true, false].map((well) =>
      filled.filter(({ lane }) => isSound(lane) === well),
    );
    troubled!.sort((a, b) => a.lane.retryAtMs - b.lane.retryAtMs);
    const untilMs = performance.now() + troubledMs;
    for (const portion of troubled!) {
      if (stopping) return;
      await handling.attempt([portion]);
      if (performance.now() > untilMs) break;
    }
    for (const together of inBatches(sound!, batch)) {
      if (stopping || !(await handling.attempt(together))) return;
    }
  }

  async function beat(): Promise<void> {
    replayAsked = await leases.beat();
    unsettled = true;
    alarm.ring();
  }

  async function step(): Promise<void> {
    if (unsettled) {
      unsettled = false;
      await leases.settle();
    }
    await turn();
    if (!replayAsked) return;
    replayAsked = false;
    await handling.replay([...leases.held.keys()], () => stopping);
  }

  /** How long there is nothing to do, unless somebody rings. */
  function sleepMs(): number {
    if (unsettled) return 0;
    return Math.min(maxSleepMs, ...behind().map((lane) => lane.retryAtMs - performance.now()));
  }

  async function run(): Promise<void> {
    let introduced = false;
    let troubles = 0;
    while (!stopping) {
      try {
        if (!introduced) {
          await introduceGroup(pool, group, [...types.keys()], from);
          await beat();
          introduced = true;
        }
        await step();
        troubles = 0;
        if (sleepMs() > 0) await alarm.wait(sleepMs());
      } catch (error) {
        unsettled = true;
        log.warn({ err: error }, "could not read events");
        await alarm.wait(backOffMs(retryDelayMs, troubles++));
      }
    }
  }

  const endWatch = horizon.watch(alarm.ring);
  const heart = setInterval(() => {
    beat().catch((error) => log.warn({ err: error }, "could not renew the membership of a consumer"));
  }, leaseMs / 3);
  const running = run();

  return {
    async settled(limitMs = 120_000) {
      for (const deadline = Date.now() + limitMs; await isBehind(pool, group, [...types.keys()]); ) {
        if (Date.now() > deadline) throw new Error(`${group} has not settled within ${limitMs} ms`);
        horizon.wake();
        await new Promise((resolve) => setTimeout(resolve, pollSettledMs));
      }
    },
    async stop() {
      stopping = true;
      clearInterval(heart);
      endWatch();
      reading.leave();
      alarm.ring();
      await running;
      await leases.release().catch((error) => log.warn({ err: error }, "could not give back partitions"));
    },
  };
}
