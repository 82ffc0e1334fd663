import { isTransient } from "../api/client.ts";
import { createListeners } from "../api/listeners.ts";
import { asProblem, type Problem } from "../api/problem.ts";
import type { SessionStore } from "../api/session.ts";
import type { Message } from "../api/types.ts";
import { newKey } from "../social/new-key.ts";

/** A picture that is on its way, or did not get there. */
export interface OutgoingPicture {
  key: string;
  peerId: string;
  file: Blob;
  /** What the first of those that were added together answers: they share it until one of them has got there. */
  replyTo?: Message["replyTo"];
  problem?: Problem;
}

export interface PictureOutbox {
  /** What waits for one person. The same array until it changes. */
  waiting(peerId: string): readonly OutgoingPicture[];
  subscribe(listener: () => void): () => void;
  /** Each is a message; the first of them that gets there answers `replyTo`. */
  add(peerId: string, files: readonly Blob[], replyTo?: Message["replyTo"]): void;
  /** Sends what did not get there once more. */
  again(peerId: string): void;
  drop(key: string): void;
}

interface Options {
  session: Pick<SessionStore, "user" | "subscribe">;
  /** Repeated with the same key it is the same message. */
  send(outgoing: OutgoingPicture): Promise<Message>;
  onSent(peerId: string, message: Message): void;
}

const none: readonly OutgoingPicture[] = [];

/** Sends pictures, one after the other. They are too large to be kept over a reload. */
export function createPictureOutbox({ session, send, onSent }: Options): PictureOutbox {
  const changes = createListeners();
  const byPeer = new Map<string, readonly OutgoingPicture[]>();
  const busy = new Set<string>();
  let ownerId = session.user()?.id;
  // What one person has picked is neither shown to the next one nor sent as theirs.
  session.subscribe(() => {
    const id = session.user()?.id;
    if (id === ownerId) return;
    ownerId = id;
    byPeer.clear();
    busy.clear();
    changes.call();
  });

  function show(peerId: string, change: (all: readonly OutgoingPicture[]) => readonly OutgoingPicture[]) {
    byPeer.set(peerId, change(byPeer.get(peerId) ?? none));
    changes.call();
  }
  function drop(key: string) {
    for (const [peerId, all] of byPeer)
      if (all.some((one) => one.key === key)) show(peerId, (now) => now.filter((one) => one.key !== key));
  }
  async function run(peerId: string): Promise<void> {
    if (busy.has(peerId)) return;
    busy.add(peerId);
    const senderId = ownerId;
    for (let next = nextOf(peerId); next; next = nextOf(peerId)) {
      const { key, replyTo } = next;
      try {
        const message = await send(next);
        if (ownerId !== senderId) return;
        onSent(peerId, message);
        const answered = (one: OutgoingPicture) =>
          one.replyTo === replyTo ? { ...one, replyTo: undefined } : one;
        show(peerId, (now) => now.filter((one) => one.key !== key).map(answered));
      } catch (error) {
        if (ownerId !== senderId) return;
        const problem = asProblem(error);
        const failed = (one: OutgoingPicture) =>
          one.key === key || isTransient(error) ? { ...one, problem } : one;
        show(peerId, (now) => now.map(failed));
      }
    }
    busy.delete(peerId);
  }
  const nextOf = (peerId: string) => byPeer.get(peerId)?.find(({ problem }) => !problem);

  return {
    waiting: (peerId) => byPeer.get(peerId) ?? none,
    subscribe: changes.add,
    add(peerId, files, replyTo) {
      // Of their own: the next ones may answer the same message.
      const own = replyTo && { ...replyTo };
      const added = files.map((file) => ({ key: newKey(), peerId, file, ...(own && { replyTo: own }) }));
      show(peerId, (now) => [...now, ...added]);
      void run(peerId);
    },
    again(peerId) {
      show(peerId, (now) => now.map(({ problem: _, ...one }) => one));
      void run(peerId);
    },
    drop,
  };
}
