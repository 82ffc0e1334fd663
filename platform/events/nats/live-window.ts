import type { Logger } from "../../observe/log.ts";
import { nowAndThen } from "../../observe/now-and-then.ts";
import type { Partitioning } from "../partitions.ts";
import { createWakeSignal } from "../wake-signal.ts";
import { lastSequence, readEnd, readMessage, type StreamNames } from "./event-stream.ts";
import type { Nats, NatsLink } from "./nats-link.ts";
import { openCursor, type StreamCursor } from "./stream-cursor.ts";
import { createWindow, type Window } from "./window.ts";

/** The newest events of an origin as they come, read once for all groups of a process. */
export interface LiveWindow {
  /** Undefined until the stream has been read for the first time. */
  window(): Window | undefined;
  /** Whether the stream is being read at the moment. */
  isLive(): boolean;
  watch(notify: () => void): () => void;
  stop(): Promise<void>;
}

const maxRows = 10_000;
const retryMs = 500;
/** How often it is asked whether it is still the same stream. */
const checkMs = 2_000;
const notOurs =
  "a message in the stream of events is passed over, because it is not signed with DOUYA_CLUSTER_SECRET: it is of an earlier version (DOUYA_UNSIGNED=allowed believes it while you upgrade), or somebody else writes to NATS";

export function followStream(options: {
  link: NatsLink;
  names: StreamNames;
  /** Called with how the partitions came to be, as events say. */
  onPartitioning(history: readonly Partitioning[] | undefined): void;
  log: Logger;
}): LiveWindow {
  const { link, names, onPartitioning, log } = options;
  const maySay = nowAndThen();
  const watchers = new Set<() => void>();
  const stopSignal = createWakeSignal();
  let window: Window | undefined;
  let cursor: StreamCursor | undefined;
  let live = false;
  let stopping = false;

  const notifyAll = () => {
    for (const notify of watchers) notify();
  };

  /** Reads from the end of the stream on, until something is wrong with it. */
  async function follow(nats: Nats): Promise<void> {
    const end = await readEnd(nats, names);
    let last = end.sequence;
    onPartitioning(end.partitioning);
    window = anchored(window, end.position);
    cursor = await openCursor(nats, names, last + 1);
    // Nobody else closes a cursor that was opened while stopping.
    if (stopping) return void (await cursor.close());
    live = true;
    notifyAll();
    const check = setInterval(async () => {
      // A stream that was made again begins at 1, where this cursor would wait for ever.
      const before = last;
      const now = await lastSequence(nats, names).catch(() => undefined);
      if (now === undefined || now < before) await cursor?.close();
    }, checkMs);
    try {
      for await (const message of cursor.messages) {
        last = message.seq;
        const read = readMessage(names, message);
        if (!read) {
          if (maySay(names.stream)) log.warn({ stream: names.stream, sequence: last }, notOurs);
          continue;
        }
        onPartitioning(read.partitioning);
        for (const event of read.rows) {
          window ??= createWindow(event.previous, maxRows);
          if (window.add(event)) continue;
          // Whoever has not come so far looks for what is missing; here it goes on.
          window = createWindow(event.previous, maxRows);
          window.add(event);
        }
        notifyAll();
      }
    } finally {
      live = false;
      clearInterval(check);
      await cursor.close();
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const nats = link.current();
      if (nats)
        await follow(nats).catch((error) =>
          log.debug({ err: error, stream: names.stream }, "could not read a stream"),
        );
      notifyAll();
      if (!stopping) await stopSignal.wait(retryMs);
    }
  }
  const running = run();

  return {
    window: () => window,
    isLive: () => live && !link.current()?.connection.isClosed(),
    watch(notify) {
      watchers.add(notify);
      return () => watchers.delete(notify);
    },
    async stop() {
      stopping = true;
      stopSignal.wake();
      await cursor?.close();
      await running;
    },
  };
}

/** The window from which to go on at the end of the stream: what came meanwhile is not in it. */
function anchored(window: Window | undefined, position: number | undefined): Window | undefined {
  if (position === undefined) return window;
  // A stream that is being filled again has not come as far as the window.
  if (window && position <= window.upTo) return window;
  return createWindow(position, maxRows);
}
