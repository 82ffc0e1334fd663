import { createTimeline, type Entry, type News, type Position, type Timeline } from "./timeline.ts";

/** What the tab that has the connection tells the others. */
type Told =
  | { kind: "entries"; entries: readonly Entry[]; epoch: string }
  | { kind: "resync"; position: Position }
  | { kind: "online"; is: boolean }
  /** A new tab, or one that is shown again, wants to know how things are. */
  | { kind: "ask" };
/** A tab that is frozen keeps its lock, and answers nobody. */
const ANSWER_MS = 3_000;

interface Options {
  /** The connections of one person in this browser. */
  name: string;
  news: News;
  /** Runs a connection until `stop` is called. */
  start(timeline: Timeline, news: Pick<News, "online">): { wake(): void; stop(): void };
  /** Absent on plain http: then each tab has a connection of its own. */
  locks?: Pick<LockManager, "request"> | undefined;
  channel: Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">;
}

/**
 * One connection for all tabs of a browser: the tab that holds a lock has it and tells the others what it hears. When that
 * tab is closed, the browser gives the lock to another, which goes on from where it was told everything.
 */
export function shareRealtime({ name, news, start, locks, channel }: Options): {
  wake(): void;
  stop(): void;
} {
  const stopped = new AbortController();
  let client: ReturnType<typeof start> | undefined;
  let isOnline = false;
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const tell = (told: Told) => {
    if (client && !stopped.signal.aborted) channel.postMessage(told);
  };
  const timeline = createTimeline({
    entries(entries, epoch) {
      tell({ kind: "entries", entries, epoch });
      news.entries(entries, epoch);
    },
    resync(position) {
      tell({ kind: "resync", position });
      news.resync(position);
    },
  });
  function online(is: boolean) {
    isOnline = is;
    tell({ kind: "online", is });
    news.online(is);
  }

  function hear(told: Told) {
    if (told.kind === "ask") {
      client?.wake();
      return tell({ kind: "online", is: isOnline });
    }
    if (client) return;
    clearTimeout(unanswered);
    if (told.kind === "online") return online(told.is);
    if (told.kind === "resync") return timeline.moveTo(told.position);
    // A tab that slept may have missed some.
    if (told.epoch !== timeline.position()?.epoch || !timeline.take(told.entries))
      timeline.moveTo({ epoch: told.epoch, seq: told.entries.at(-1)!.seq });
  }
  channel.onmessage = ({ data }) => hear(data as Told);
  channel.postMessage({ kind: "ask" } satisfies Told);

  function lead(): Promise<void> {
    clearTimeout(unanswered);
    if (stopped.signal.aborted) return Promise.resolve();
    client ??= start(timeline, { online });
    return new Promise((resolve) => stopped.signal.addEventListener("abort", () => resolve()));
  }
  if (locks)
    // Refused where site data are blocked; there is no other tab of this person then.
    locks.request(name, { signal: stopped.signal }, lead).catch(() => {
      if (!stopped.signal.aborted && !client) void lead();
    });
  else void lead();

  return {
    wake() {
      if (client) return client.wake();
      clearTimeout(unanswered);
      // Two tabs with a connection each hear everything once, as each knows what it has.
      unanswered = setTimeout(() => void lead(), ANSWER_MS);
      channel.postMessage({ kind: "ask" } satisfies Told);
    },
    stop() {
      stopped.abort();
      clearTimeout(unanswered);
      client?.stop();
      channel.close();
    },
  };
}
