import type { Database, Kysely, Transaction } from "../db/database.ts";
import type { ProcessLease } from "../lease/process-lease.ts";
import type { Logger } from "../observe/log.ts";
import { type ConsumeOptions, type Consumer, startConsumer } from "./consumer/consumer.ts";
import { createMembership } from "./consumer/membership.ts";
import type { Emit, EventType } from "./event-type.ts";
import { transactionWithEvents } from "./log/append.ts";
import { type LogChanges, readChanges } from "./log/changes.ts";
import { createLogReader } from "./log/log-reader.ts";
import { watchStablePosition } from "./log/stable-position.ts";

/** What writes facts: the events of a module, in transactions of its own database. */
export interface EventWriter<Tables> {
  /**
   * Runs a transaction in which facts and their events commit together or not at all. Events are written at its end,
   * when it holds every lock on its facts. So two transactions that contend for a row or a unique key write their
   * events in the order of their facts. A writer that needs order per key must therefore change or lock a row of that
   * key, as counting does anyway. Like every `inTransaction` it can be retried, so `work` changes nothing but through
   * its arguments. The events belong to the trace of the call for which `db` was opened (perCall), unless they name
   * another.
   */
  transaction<Result>(
    db: Kysely<Tables>,
    work: (transaction: Transaction<Tables>, emit: Emit) => Promise<Result>,
  ): Promise<Result>;
}

/** What handles each event once, in one of the processes that consume for a group. */
export interface EventConsumers<Tables> {
  /** Starts a member of a group. Error: when this process has one already, which would lose its membership. */
  consume<Type extends EventType, Prepared = undefined>(
    options: ConsumeOptions<Tables, Type, Prepared>,
  ): Consumer;
}

/** What every process learns of every event, whoever consumes it: from now on, with nothing stored. */
export interface EventBroadcast {
  /** Returns what was committed since a cursor (at first ""), without delay: for caches that must not be stale. */
  changesSince<Type extends EventType>(types: readonly Type[], cursor: string): Promise<LogChanges<Type>>;
}

/** The durable event log as a module has it, through which modules learn of each other's facts. */
export interface Events<Tables> extends EventWriter<Tables>, EventConsumers<Tables>, EventBroadcast {}

/** The event log for all modules of a process. */
export interface ProcessEvents {
  /** Writes to and consumes into the database of this module. */
  of<Tables>(module: string): Events<Tables>;
  /** Stops all consumers, each after its current batch. */
  stop(): Promise<void>;
}

/** The state is in `database`, schema `events`. What a process consumes is taken over when its lease has ended. */
export function createEvents(options: {
  database: Database;
  lease: ProcessLease;
  log: Logger;
}): ProcessEvents {
  const { database, log, lease } = options;
  const { pool } = database;
  // With the errors of a module's database: whoever reads changes answers a request.
  const logDb = database.of<unknown>("events");
  const stable = watchStablePosition(pool, { log, lease });
  const membership = createMembership(pool, lease);
  const reader = createLogReader(pool);
  const consumers = new Set<Consumer>();
  const groups = new Set<string>();
  const dependencies = { pool, stable, reader, lease, membership, log, onEmitted: stable.wake };

  function eventsOf<Tables>(module: string): Events<Tables> {
    return {
      transaction: (db, work) => transactionWithEvents(db, work, stable.wake),
      consume(consumed) {
        const { group } = consumed;
        if (groups.has(group)) throw new Error(`this process consumes for ${group} already`);
        groups.add(group);
        const started = startConsumer(database.of<Tables>(module), consumed, dependencies);
        const consumer: Consumer = {
          settled: started.settled,
          async stop() {
            await started.stop();
            consumers.delete(consumer);
            groups.delete(group);
          },
        };
        consumers.add(consumer);
        return consumer;
      },
      changesSince: (types, cursor) =>
        readChanges(logDb, new Map(types.map((type) => [type.name, type])), cursor),
    };
  }

  return {
    of: eventsOf,
    async stop() {
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      membership.stop();
      await stable.stop();
    },
  };
}
