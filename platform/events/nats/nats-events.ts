import type { Pool } from "pg";
import type { Logger } from "../../observe/log.ts";
import type { LogSource } from "../log/log-source.ts";
import { namesOf } from "./event-stream.ts";
import type { NatsLink } from "./nats-link.ts";
import type { NatsScope } from "./nats-scope.ts";
import { type Relay, startRelay } from "./relay.ts";
import { type StreamSource, streamSource } from "./stream-source.ts";

/**
 * The log on JetStream: a relay and a source for each database of this process. A stream alone is nobody's: that of a
 * database which was replaced, or left when a module moved back, stays in NATS.
 */
export interface NatsEvents {
  /** Copies the events of this database to NATS. */
  relay(pool: Pool): void;
  /** Instead of these tables. */
  sources(tables: readonly LogSource[]): LogSource[];
  /** Says that events of this origin were committed. */
  wake(origin: string): void;
  stop(): Promise<void>;
}

/** Between two messages that say the same. */
const wakeMs = 3;

export function createNatsEvents(options: {
  link: NatsLink;
  scope: NatsScope;
  /** Databases that this process cannot read itself. */
  elsewhere?: readonly string[];
  log: Logger;
}): NatsEvents {
  const { link, scope, elsewhere = [], log } = options;
  const relays: Relay[] = [];
  const sources = new Map<string, StreamSource>();
  const wakes = new Map<string, NodeJS.Timeout>();
  return {
    relay(pool) {
      relays.push(startRelay({ pool, link, scope, log }));
    },
    sources(tables) {
      const own = new Map(tables.map((table) => [table.origin, table]));
      for (const origin of [...own.keys(), ...elsewhere])
        if (!sources.has(origin))
          sources.set(origin, streamSource({ link, scope, origin, table: own.get(origin), log }));
      return [...sources.values()];
    },
    wake(origin) {
      if (wakes.has(origin)) return;
      const tell = () => {
        wakes.delete(origin);
        try {
          link.current()?.connection.publish(namesOf(scope, origin).wake);
        } catch (error) {
          // The connection is closing. The relay looks by itself.
          log.debug({ err: error }, "could not tell that there are events");
        }
      };
      wakes.set(origin, setTimeout(tell, wakeMs));
    },
    async stop() {
      for (const timer of wakes.values()) clearTimeout(timer);
      await Promise.all(relays.map((relay) => relay.stop()));
      await Promise.all([...sources.values()].map((source) => source.stop()));
    },
  };
}
