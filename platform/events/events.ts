import type { Database, Kysely, Transaction } from "../db/database.ts";
import { refusal } from "../errors/reasons.ts";
import type { ProcessLease } from "../lease/process-lease.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { answersOf } from "./answers.ts";
import { type ConsumeOptions, type Consumer, startConsumer } from "./consumer/consumer.ts";
import { createMembership, type Membership } from "./consumer/membership.ts";
import type { Emit, EventType } from "./event-type.ts";
import { transactionWithEvents } from "./log/append.ts";
import { type ChangeLog, changeLog } from "./log/change-log.ts";
import { type LogChanges, readAllChanges } from "./log/changes.ts";
import type { LogSource } from "./log/log-source.ts";
import { type StablePosition, watchStablePosition } from "./log/stable-position.ts";
import { readOrigin, tableSource } from "./log/table-source.ts";
import type { NatsEvents } from "./nats/nats-events.ts";

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
  /** Reads the log of one more database from now on. */
  add(database: EventDatabase): void;
  /** Stops all consumers, each after its current batch. */
  stop(): Promise<void>;
}

/** A database that modules write to or consume into, and the lease of this process in it. */
export interface EventDatabase {
  database: Database;
  lease: ProcessLease;
}

/**
 * The state is in the schema `events` of each database. What a process consumes is taken over when its lease has ended.
 */
export function createEvents(options: {
  databases: readonly EventDatabase[];
  /** Which of them a module writes to and consumes into. */
  databaseOf(module: string): Database;
  /** Whether these, with those that were added, are all databases that there are. Otherwise nobody is told of changes. */
  isCurrent?: () => boolean;
  /** Carries events between databases; without it, a process sees those that it has itself. */
  nats?: NatsEvents;
  measure?: Metrics["batches"];
  log: Logger;
}): ProcessEvents {
  const { log, nats, measure } = options;
  const opened = options.databases.map((each) => openLog(each, log));
  for (const { database } of opened) nats?.relay(database.pool);
  const consumers = new Set<Consumer>();
  const groups = new Set<string>();

  /** Those that can be read by now; a database that is silent does not keep the others waiting. Error: when there is none. */
  async function sources(): Promise<LogSource[]> {
    const found = await answersOf(opened.map(({ source }) => source()));
    return nats ? nats.sources(found) : found;
  }

  function eventsOf<Tables>(module: string): Events<Tables> {
    const database = options.databaseOf(module);
    const { lease, membership, stable, source, knownSource } = opened.find(
      (each) => each.database === database,
    )!;
    const onEmitted = () => {
      stable.wake();
      const origin = knownSource()?.origin;
      if (origin) nats?.wake(origin);
      else if (nats) void source().catch(() => {});
    };
    const dependencies = { pool: database.pool, sources, lease, membership, log, onEmitted, measure };
    return {
      transaction: (db, work) => transactionWithEvents(db, work, onEmitted),
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
      async changesSince(types, cursor) {
        if (options.isCurrent?.() === false) throw refusal("DATABASE_UNAVAILABLE");
        return readAllChanges(
          opened.map(({ changes }) => changes),
          new Map(types.map((type) => [type.name, type])),
          cursor,
        );
      },
    };
  }

  return {
    of: eventsOf,
    add(added) {
      opened.push(openLog(added, log));
      nats?.relay(added.database.pool);
    },
    async stop() {
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await nats?.stop();
      await Promise.all(opened.map((each) => each.stop()));
    },
  };
}

/** The log of one database. */
interface OpenLog extends EventDatabase {
  stable: StablePosition;
  membership: Membership;
  changes: ChangeLog;
  source(): Promise<LogSource>;
  /** Undefined until the database has been asked. */
  knownSource(): LogSource | undefined;
  stop(): Promise<void>;
}

function openLog({ database, lease }: EventDatabase, log: Logger): OpenLog {
  const { pool } = database;
  const stable = watchStablePosition(pool, { log, lease });
  const membership = createMembership(pool, lease);
  const changes = changeLog(database, log);
  let known: LogSource | undefined;
  let asking: Promise<LogSource> | undefined;

  async function ask(): Promise<LogSource> {
    known = tableSource(pool, await readOrigin(pool), stable);
    return known;
  }

  return {
    database,
    lease,
    stable,
    membership,
    changes,
    knownSource: () => known,
    async source() {
      asking ??= ask().finally(() => {
        if (!known) asking = undefined;
      });
      return asking;
    },
    async stop() {
      membership.stop();
      changes.stop();
      await stable.stop();
    },
  };
}
