import { afterFailures, isTransient } from "../api/client.ts";
import { createListeners } from "../api/listeners.ts";
import { asProblem, type Problem } from "../api/problem.ts";
import type { SessionStore } from "../api/session.ts";
import type { Message } from "../api/types.ts";
import type { BrowserStorage } from "../shell/browser-storage.ts";
import { newKey } from "../social/new-key.ts";

/** A message that is being sent or could not be sent. */
export interface Outgoing {
  key: string;
  peerId: string;
  content: string;
  /** The message that it answers. */
  replyTo?: Message["replyTo"];
  writtenAtMs: number;
  /** It is sent again by itself, or when the person says so. */
  failed: boolean;
  /** Why it failed. */
  problem?: Problem;
}

/** Where the draft of a message to a person is kept. */
export const messageDraft = (peerId: string) => `messages/${peerId}`;

/** Why the server did not take a message. A new object with each refusal. */
interface Refused {
  problem: Problem;
}

export interface Outbox {
  /** What waits for one person, in the order of writing. The same array until it changes. */
  waiting(peerId: string): readonly Outgoing[];
  /** The latest refusal, until something is sent to that person. */
  refused(peerId: string): Refused | undefined;
  subscribe(listener: () => void): () => void;
  add(peerId: string, content: string, more?: Pick<Outgoing, "replyTo">): void;
  /** Sends what failed now. */
  again(peerId: string): void;
  drop(key: string): void;
  /** It has arrived, by whatever way that was heard. */
  arrived(key: string): void;
  /** The network is back. */
  wake(): void;
  /** Forgets what this person has not sent, as they leave this browser. */
  clear(): void;
}

interface Options {
  storage: BrowserStorage;
  session: Pick<SessionStore, "user" | "subscribe">;
  /** Repeated with the same key it is the same message. */
  send(outgoing: Outgoing): Promise<Message>;
  onSent(peerId: string, message: Message): void;
  /** The server will not take it: it is the person's to change. */
  giveBack(peerId: string, content: string): void;
}

/** Of one person: somebody else at the same browser has another. */
const keyOf = (owner: string) => `douya.outbox ${owner}`;
/** The server knows a key for 7 days; later the message might be sent twice. */
const SURE_MS = 6 * 24 * 3_600_000;
const none: readonly Outgoing[] = [];

/**
 * Keeps what was written until it is sent, also over a reload and days without a network: in the order of writing, and
 * each once.
 */
export function createOutbox({ storage, session, send, onSent, giveBack }: Options): Outbox {
  const changes = createListeners();
  const refusals = new Map<string, Refused>();
  const busy = new Map<string, { failures: number; timer?: ReturnType<typeof setTimeout> | undefined }>();
  let owner = session.user()?.id;
  let byPeer = new Map<string, readonly Outgoing[]>();

  function stored(): Outgoing[] {
    try {
      return owner ? (JSON.parse(storage.getItem(keyOf(owner)) ?? "[]") as Outgoing[]) : [];
    } catch {
      return [];
    }
  }
  /** Other tabs keep theirs in the same place. */
  function keep(change: (items: Outgoing[]) => Outgoing[]) {
    if (!owner) return;
    const items = change(stored());
    if (items.length > 0) storage.setItem(keyOf(owner), JSON.stringify(items));
    else storage.removeItem(keyOf(owner));
  }
  function show(peerId: string, change: (items: readonly Outgoing[]) => readonly Outgoing[]) {
    byPeer.set(peerId, change(byPeer.get(peerId) ?? none));
    changes.call();
  }
  function remove(key: string) {
    keep((items) => items.filter((one) => one.key !== key));
    for (const [peerId, items] of byPeer)
      if (items.some((one) => one.key === key)) show(peerId, () => items.filter((one) => one.key !== key));
  }
  function mark(peerId: string, failed: boolean, problem?: Problem) {
    const why = problem && { problem };
    show(peerId, (items) => items.map(({ problem: _before, ...one }) => ({ ...one, failed, ...why })));
  }

  /** One after the other: the next message is not sent before the one that was written before it. */
  async function run(peerId: string): Promise<void> {
    const own = busy.get(peerId) ?? { failures: 0 };
    if (busy.has(peerId) && own.timer === undefined) return;
    clearTimeout(own.timer);
    own.timer = undefined;
    busy.set(peerId, own);
    const sender = owner;
    for (let next = byPeer.get(peerId)?.[0]; next; next = byPeer.get(peerId)?.[0]) {
      const { key } = next;
      // Another tab has sent it, or the person has deleted it there.
      if (!stored().some((one) => one.key === key)) {
        remove(key);
        continue;
      }
      try {
        const message = await send(next);
        if (owner !== sender) return;
        own.failures = 0;
        refusals.delete(peerId);
        onSent(peerId, message);
        remove(next.key);
      } catch (error) {
        if (owner !== sender) return;
        if (isTransient(error)) {
          mark(peerId, true, asProblem(error));
          own.timer = setTimeout(() => void run(peerId), afterFailures(error, ++own.failures));
          return;
        }
        giveBack(peerId, next.content);
        refusals.set(peerId, { problem: asProblem(error) });
        remove(next.key);
        changes.call();
      }
    }
    busy.delete(peerId);
  }

  function load() {
    for (const { timer } of busy.values()) clearTimeout(timer);
    busy.clear();
    refusals.clear();
    byPeer = new Map();
    for (const one of stored()) byPeer.set(one.peerId, [...(byPeer.get(one.peerId) ?? none), one]);
    for (const [peerId, items] of byPeer) {
      const isSure = items.every(({ writtenAtMs }) => Date.now() - writtenAtMs < SURE_MS);
      if (isSure) void run(peerId);
      else mark(peerId, true);
    }
    changes.call();
  }
  session.subscribe(() => {
    const id = session.user()?.id;
    if (id === owner) return;
    owner = id;
    load();
  });
  load();

  return {
    waiting: (peerId) => byPeer.get(peerId) ?? none,
    refused: (peerId) => refusals.get(peerId),
    subscribe: changes.add,
    add(peerId, content, more = {}) {
      const outgoing = { ...more, key: newKey(), peerId, content, writtenAtMs: Date.now(), failed: false };
      keep((items) => [...items, outgoing]);
      show(peerId, (items) => [...items, outgoing]);
      void run(peerId);
    },
    again(peerId) {
      mark(peerId, false);
      void run(peerId);
    },
    drop: remove,
    arrived: remove,
    clear() {
      keep(() => []);
      load();
    },
    wake() {
      for (const [peerId, { timer }] of busy) if (timer !== undefined) void run(peerId);
    },
  };
}
