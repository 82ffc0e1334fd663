import type { Logger } from "../../observe/log.ts";
import type { PartitionBatch, PartitionState } from "../consumer/partition-state.ts";
import type { LogSource, Subscription } from "../log/log-source.ts";
import { type Partitioning, partitionsAfter, unsplit } from "../partitions.ts";
import { createCatchUp } from "./catch-up.ts";
import { namesOf, type StreamNames } from "./event-stream.ts";
import { followStream } from "./live-window.ts";
import type { Nats, NatsLink } from "./nats-link.ts";
import type { NatsScope } from "./nats-scope.ts";
import type { Window } from "./window.ts";

/** How long the stream may be behind the table until the table is read. */
const stuckMs = 1_000;

/** Reads the events of a database from its stream. */
export interface StreamSource extends LogSource {
  stop(): Promise<void>;
}

/**
 * A group that is at the end of the stream reads what comes from memory, one that is behind reads for itself. Where the
 * process has the database itself, given as `table`, it reads from there what the stream does not have: because the
 * group is behind, NATS is away, or nothing comes from it.
 */
export function streamSource(options: {
  link: NatsLink;
  scope: NatsScope;
  origin: string;
  table: LogSource | undefined;
  log: Logger;
}): StreamSource {
  const { link, scope, origin, table, log } = options;
  const names = namesOf(scope, origin);
  let history = unsplit;
  const learn = (said: readonly Partitioning[] | undefined) => {
    if (said && said.length >= history.length) history = said;
  };
  const live = followStream({ link, names, onPartitioning: learn, log });

  let aheadSinceMs: number | undefined;

  const streamed = () => live.window()?.upTo ?? 0;

  /** Whether the table is to be read because the stream does not get on, for whatever reason. */
  function isStuck(): boolean {
    if (!table || table.position() <= streamed()) {
      aheadSinceMs = undefined;
      return false;
    }
    aheadSinceMs ??= performance.now();
    return !live.isLive() || performance.now() - aheadSinceMs >= stuckMs;
  }

  return {
    origin,
    position: () => (isStuck() ? table!.position() : streamed()),
    watch(notify) {
      const onTable = () => {
        notify();
        if (!isStuck() && aheadSinceMs !== undefined) setTimeout(notify, stuckMs).unref();
      };
      const ends = [live.watch(notify), table?.watch(onTable)];
      return () => {
        for (const end of ends) end?.();
      };
    },
    partitions: async () => (table ? table.partitions() : partitionsAfter(history)),
    partitionCount: () => table?.partitionCount() ?? history.at(-1)!.partitions,
    subscribe(subscription) {
      const inTable = table?.subscribe(subscription);
      const inStream = readBehind(link, names, learn);

      async function behind(states: PartitionState[], limits: number[]): Promise<PartitionBatch[]> {
        if (states.length === 0) return [];
        try {
          if (inTable) return await inTable.read(states, limits);
        } catch (error) {
          // Without the database, what NATS has.
          if (!live.isLive()) throw error;
        }
        const window = await inStream(Math.min(...states.map(({ position }) => position)));
        return states.map((state, i) => batchOf(window, state, subscription, limits[i]!));
      }

      return {
        async read(states, limits) {
          const window = live.window();
          const all = states.map((state, i) => ({ state, limit: limits[i]! }));
          const late = all.filter(({ state }) => !window?.covers(state.position));
          const current = all.filter(({ state }) => window?.covers(state.position));
          const caughtUp = await behind(
            late.map(({ state }) => state),
            late.map(({ limit }) => limit),
          );
          return [
            ...current.map(({ state, limit }) => batchOf(window, state, subscription, limit)),
            ...caughtUp,
          ];
        },
        unsubscribe: () => inTable?.unsubscribe(),
      };
    },
    async end() {
      if (table) return table.end();
      if (!live.window()) throw new Error("the stream has not been read yet");
      return streamed();
    },
    async hasAfter(offsets, types) {
      if (table) return table.hasAfter(offsets, types);
      const window = live.window();
      if (!window) return false;
      return offsets.some(
        ({ partition, position }) =>
          position < window.after || window.rows(partition, position, types, 1).length > 0,
      );
    },
    stop: live.stop,
  };
}

/** What a group reads that is behind, over the connection that there is. */
function readBehind(
  link: NatsLink,
  names: StreamNames,
  onPartitioning: (history: readonly Partitioning[] | undefined) => void,
) {
  let made: { nats: Nats; catchUp: ReturnType<typeof createCatchUp> } | undefined;
  return async (position: number): Promise<Window | undefined> => {
    const nats = link.current();
    if (!nats) return undefined;
    if (made?.nats !== nats) made = { nats, catchUp: createCatchUp(nats, names, onPartitioning) };
    return made.catchUp.after(position);
  };
}

function batchOf(
  window: Window | undefined,
  state: PartitionState,
  { types }: Subscription,
  limit: number,
): PartitionBatch {
  if (!window?.covers(state.position)) return { state, rows: [], end: state.position };
  const rows = window.rows(state.partition, state.position, types, limit);
  return { state, rows, end: rows.length === limit ? Number(rows.at(-1)!.position) : window.upTo };
}
