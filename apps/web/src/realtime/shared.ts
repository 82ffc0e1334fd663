import { newKey } from "../social/new-key.ts";
import type { RealtimeClient } from "./client.ts";
import { type LiveFrame, noWants, type Presence, together, type Wants } from "./live.ts";
import { createTimeline, type Entry, type News, type Position, type Timeline } from "./timeline.ts";

/** What the tab that has the connection tells the others. */
type Told =
  | { kind: "entries"; entries: readonly Entry[]; epoch: string }
  | { kind: "resync"; position: Position }
  | { kind: "online"; is: boolean }
  | { kind: "line"; is: boolean }
  | { kind: "live"; frame: LiveFrame }
  /** It wants to know what the other tabs want. */
  | { kind: "wants?" }
  /** A new tab, or one that is shown again, wants to know how things are. */
  | { kind: "ask" }
  /** What a tab wants to be told, and where its viewer is writing. */
  | { kind: "wants"; tab: string; wants: Wants }
  | { kind: "writes"; conversationId: string };
/** A tab that is frozen keeps its lock, and answers nobody. */
const ANSWER_MS = 3_000;

interface Options {
  /** The connections of one person in this browser. */
  name: string;
  news: News;
  /** Runs a connection until `stop` is called. */
  start(
    timeline: Timeline,
    news: Pick<News, "online" | "live" | "line">,
    wants: () => Wants,
  ): Pick<RealtimeClient, "wake" | "update" | "writes" | "stop">;
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
  /** What this tab wants to be told from now on. */
  want(wants: Wants): void;
  writes(conversationId: string): void;
  stop(): void;
} {
  const tab = newKey();
  /** What each tab wants. */
  const wanted = new Map<string, Wants>();
  /** How those people are, for the tabs that come to want it. */
  const people = new Map<string, Presence>();
  const stopped = new AbortController();
  let client: ReturnType<typeof start> | undefined;
  let isOnline = false;
  let hasLine = false;
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const say = (told: Told) => channel.postMessage(told);
  const tell = (told: Told) => {
    if (client && !stopped.signal.aborted) say(told);
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

  function line(is: boolean) {
    hasLine = is;
    if (!is) people.clear();
    tell({ kind: "line", is });
    news.line(is);
  }
  function live(frame: LiveFrame) {
    if (frame.type === "presence") for (const one of frame.people) people.set(one.userId, one);
    tell({ kind: "live", frame });
    news.live(frame);
  }
  function setWants(from: string, wants: Wants) {
    const before = wanted.get(from) ?? noWants;
    wanted.set(from, wants);
    if (!client) return;
    client.update();
    const all = new Set(together(wanted.values()).people);
    for (const id of people.keys()) if (!all.has(id)) people.delete(id);
    const added = wants.people.filter((id) => !before.people.includes(id));
    const shown = added.flatMap((id) => people.get(id) ?? []);
    if (shown.length > 0) live({ type: "presence", people: shown });
  }

  function hear(told: Told) {
    if (told.kind === "ask") {
      client?.wake();
      tell({ kind: "online", is: isOnline });
      return tell({ kind: "line", is: hasLine });
    }
    if (told.kind === "wants") return client && setWants(told.tab, told.wants);
    if (told.kind === "writes") return client?.writes(told.conversationId);
    if (client) return;
    if (told.kind === "wants?") return say({ kind: "wants", tab, wants: wanted.get(tab) ?? noWants });
    clearTimeout(unanswered);
    if (told.kind === "online") return online(told.is);
    if (told.kind === "line") return line(told.is);
    if (told.kind === "live") return live(told.frame);
    if (told.kind === "resync") return timeline.moveTo(told.position);
    // A tab that slept may have missed some.
    if (told.epoch !== timeline.position()?.epoch || !timeline.take(told.entries))
      timeline.moveTo({ epoch: told.epoch, seq: told.entries.at(-1)!.seq });
  }
  channel.onmessage = ({ data }) => hear(data as Told);
  say({ kind: "ask" });

  function lead(): Promise<void> {
    clearTimeout(unanswered);
    if (stopped.signal.aborted) return Promise.resolve();
    // What the tab before has told is not told again.
    if (!client) line(false);
    client ??= start(timeline, { online, line, live }, () => together(wanted.values()));
    say({ kind: "wants?" });
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
      say({ kind: "ask" });
    },
    want(wants) {
      setWants(tab, wants);
      if (!client) say({ kind: "wants", tab, wants });
    },
    writes(conversationId) {
      if (client) client.writes(conversationId);
      else say({ kind: "writes", conversationId });
    },
    stop() {
      if (!client) say({ kind: "wants", tab, wants: noWants });
      stopped.abort();
      clearTimeout(unanswered);
      client?.stop();
      channel.close();
    },
  };
}
