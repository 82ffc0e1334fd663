import type { Logger } from "../../observe/log.ts";
import type { LogSource, SubscribedLog } from "../log/log-source.ts";
import { atEnd } from "./offsets.ts";
import type { PartitionBatch, PartitionState } from "./partition-state.ts";
import { patientRead } from "./patient-read.ts";

/** What one group reads, of all origins. */
export interface Subscriptions {
  /** Reads from this one too, from now on. */
  add(source: LogSource): void;
  has(origin: string): boolean;
  /** Whether there is something to read in a partition. */
  isBehind(state: PartitionState): boolean;
  read(states: PartitionState[], limits: number[]): Promise<PartitionBatch[]>;
  end(): void;
}

interface Subscribed extends SubscribedLog {
  source: LogSource;
  /** Does not wait for a database that is silent, so that the others are read meanwhile. */
  readPatiently: SubscribedLog["read"];
  endWatch(): void;
}

export function createSubscriptions(options: {
  types: readonly string[];
  held: ReadonlyMap<string, PartitionState>;
  log: Logger;
  /** Called when there is something new to read. */
  notify: () => void;
}): Subscriptions {
  const { types, held, notify } = options;
  const logs = new Map<string, Subscribed>();

  function partitionsOf(origin: string): number[] {
    return [...held.values()].filter((state) => state.origin === origin).map(({ partition }) => partition);
  }

  return {
    add(source) {
      const { origin } = source;
      const subscribed = source.subscribe({ types, partitions: () => partitionsOf(origin) });
      logs.set(origin, {
        ...subscribed,
        source,
        readPatiently: patientRead(subscribed, notify),
        endWatch: source.watch(notify),
      });
    },
    has: (origin) => logs.has(origin),
    // Nothing can be read of an origin that has no source here: to wait for it would be a loop without a pause.
    isBehind: ({ origin, position }) =>
      position !== atEnd && position < (logs.get(origin)?.source.position() ?? Number.NEGATIVE_INFINITY),
    async read(states, limits) {
      const isOnly = logs.size === 1;
      const reads = [...logs].map(async ([origin, log]) => {
        const own = states.flatMap((state, i) =>
          state.origin === origin ? [{ state, limit: limits[i]! }] : [],
        );
        if (own.length === 0) return [];
        const read = (isOnly ? log.read : log.readPatiently)(
          own.map(({ state }) => state),
          own.map(({ limit }) => limit),
        );
        return read.catch((error) => {
          if (isOnly) throw error;
          options.log.warn({ err: error, origin }, "could not read the events of a database");
          return own.map(({ state }) => ({ state, rows: [], end: state.position }));
        });
      });
      return (await Promise.all(reads)).flat();
    },
    end() {
      for (const { unsubscribe, endWatch } of logs.values()) {
        endWatch();
        unsubscribe();
      }
    },
  };
}
