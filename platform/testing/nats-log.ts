import { type Database, openDatabase } from "#platform/db/database.ts";
import { createEvents, type Events, type ProcessEvents } from "#platform/events/events.ts";
import { readOrigin } from "#platform/events/log/table-source.ts";
import { createNatsEvents } from "#platform/events/nats/nats-events.ts";
import { linkNats, type NatsLink } from "#platform/events/nats/nats-link.ts";
import { type NatsScope, natsScope } from "#platform/events/nats/nats-scope.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import { added, type EffectTables, type EventLog, openEventLog, writeEffects } from "./event-log.ts";

/** A process that has one database, and the others' events from NATS. */
interface NatsMember {
  database: Database;
  events: Events<EffectTables>;
  link: NatsLink;
  stop(): Promise<void>;
}

/** Two databases with an event log each, between which NATS carries events. */
export interface NatsLog {
  /** Facts are written in one and acted on in the other. */
  here: EventLog;
  there: EventLog;
  secret: string;
  scope: NatsScope;
  /** Starts a process. */
  join(log: EventLog, url?: string): NatsMember;
  /** The one that writes facts `here` and relays them. */
  writer: NatsMember;
  /** Commits these `here`. */
  emit(...values: string[]): Promise<void>;
  /** Starts a process that writes effects `there`. */
  consume(): NatsMember;
  /** The values handled `there`, in commit order. */
  effects(): Promise<string[]>;
  close(): Promise<void>;
}

let logs = 0;

export async function openNatsLog(url: string, quiet = createLog("silent")): Promise<NatsLog> {
  const secret = `test ${process.pid} ${logs++}`;
  const scope = natsScope(secret);
  const both = [await openEventLog(), await openEventLog()] as const;
  const [here, there] = both;
  const origins = await Promise.all(both.map(({ database }) => readOrigin(database.pool)));
  const members: NatsMember[] = [];

  function join(log: EventLog, at = url): NatsMember {
    const link = linkNats(at, quiet);
    const database = openDatabase(log.url, { log: quiet });
    const lease = startLease(database.pool, { log: quiet, beatMs: 200 });
    const elsewhere = origins.filter((_, i) => both[i] !== log);
    const all: ProcessEvents = createEvents({
      databases: [{ database, lease }],
      databaseOf: () => database,
      nats: createNatsEvents({ link, scope, elsewhere, log: quiet }),
      log: quiet,
    });
    async function stop(): Promise<void> {
      await all.stop();
      await link.close();
      // Its answer may come too late on a busy machine; one that is left ends by itself.
      await lease.release().catch(() => {});
      await database.close();
    }
    let stopped: Promise<void> | undefined;
    const member: NatsMember = {
      database,
      events: all.of<EffectTables>("test"),
      link,
      stop() {
        stopped ??= stop();
        return stopped;
      },
    };
    members.push(member);
    return member;
  }

  const writer = join(here);
  return {
    here,
    there,
    secret,
    scope,
    join,
    writer,
    emit: (...values) =>
      writer.events.transaction(here.db, async (_, emit) => {
        for (const value of values) emit(added, { value });
      }),
    consume() {
      const member = join(there);
      member.events.consume({ group: "test", types: [added], retryDelayMs: 10, handle: writeEffects });
      return member;
    },
    effects: there.effects,
    async close() {
      await Promise.all(members.map((member) => member.stop()));
      await Promise.all([here.close(), there.close()]);
    },
  };
}
