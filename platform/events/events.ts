import type { Database, Kysely, Transaction } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";
import { transactionWithEvents } from "./append.ts";
import { type LogChanges, readChanges } from "./changes.ts";
import { type ConsumeOptions, type Consumer, startConsumer } from "./consumer.ts";
import type { Emit, EventType } from "./event-type.ts";
import { createLogReader } from "./log-reader.ts";
import { watchStablePosition } from "./stable-position.ts";

/** The durable log of what happened, through which modules tell each other. */
export interface Events {
  /**
   * A transaction in which facts and the events that tell of them commit together or not at all. Events are
   * written at its end, after every lock on its facts was taken: so two transactions that wait for each other
   * (for a row, a unique key) put their events in the order of their facts. Whoever needs order per key must
   * therefore change or lock a row of that key, as counting does anyway. Like every `inTransaction`, it may be done
   * again, so `work` changes nothing but through its arguments.
   */
  transaction<Tables, Result>(
    db: Kysely<Tables>,
    work: (transaction: Transaction<Tables>, emit: Emit) => Promise<Result>,
  ): Promise<Result>;
  /** Has events handled, by this process or by others that consume for the same group. */
  consume<Tables, Type extends EventType>(options: ConsumeOptions<Tables, Type>): Consumer;
  /** What was committed since a cursor (at first ""), without delay: for caches whose answers must not be old. */
  changesSince<Type extends EventType>(types: readonly Type[], cursor: string): Promise<LogChanges<Type>>;
}

export interface RunningEvents extends Events {
  /** Stops all consumers, each after what it is processor. */
  stop(): Promise<void>;
}

/** Everything is in `database`, schema `events`. Another process takes over from a dead one after `leaseMs`. */
export function createEvents(options: { database: Database; log: Logger; leaseMs?: number }): RunningEvents {
  const { log, leaseMs = 6_000 } = options;
  const { pool } = options.database;
  const stable = watchStablePosition(pool, log);
  const reader = createLogReader(pool);
  const consumers = new Set<Consumer>();
  const onEmitted = (types: Set<string>) => {
    if (types.size > 0) stable.wake();
  };
  return {
    async transaction(db, work) {
      const { result, types } = await transactionWithEvents(db, work);
      onEmitted(types);
      return result;
    },
    consume(consumed) {
      const started = startConsumer(consumed, { pool, stable, reader, log, leaseMs, onEmitted });
      const consumer: Consumer = {
        settled: started.settled,
        async stop() {
          await started.stop();
          consumers.delete(consumer);
        },
      };
      consumers.add(consumer);
      return consumer;
    },
    changesSince: (types, cursor) =>
      readChanges(pool, new Map(types.map((type) => [type.name, type])), cursor),
    async stop() {
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await stable.stop();
    },
  };
}
