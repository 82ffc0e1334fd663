import { createListeners } from "../api/listeners.ts";
import type { LiveFrame, Presence } from "./live.ts";

/** Who writes says so every 3 seconds; a word may be lost. */
const TYPING_MS = 6_000;

const NOBODY: readonly string[] = [];

/** Who is here and who is writing, as far as it was told. */
export function createMoments() {
  const changes = createListeners();
  let people: ReadonlyMap<string, Presence> = new Map();
  /** By conversation: who is writing, and what ends it. */
  const writing = new Map<string, Map<string, ReturnType<typeof setTimeout>>>();
  /** The same people, as long as they are the same. */
  const writers = new Map<string, readonly string[]>();

  function stops(conversationId: string, userId: string) {
    const own = writing.get(conversationId);
    clearTimeout(own?.get(userId));
    if (!own?.delete(userId)) return;
    writers.set(conversationId, [...own.keys()]);
    if (own.size > 0) return changes.call();
    writing.delete(conversationId);
    writers.delete(conversationId);
    changes.call();
  }
  return {
    subscribe: changes.add,
    presence: (userId: string) => people.get(userId),
    writers: (conversationId: string) => writers.get(conversationId) ?? NOBODY,
    hear(frame: Exclude<LiveFrame, { type: "live" }>) {
      if (frame.type === "presence") {
        people = new Map([...people, ...frame.people.map((one) => [one.userId, one] as const)]);
      } else {
        const { conversationId, userId } = frame;
        const own = writing.get(conversationId) ?? new Map();
        if (!own.has(userId)) writers.set(conversationId, [...own.keys(), userId]);
        clearTimeout(own.get(userId));
        writing.set(
          conversationId,
          own.set(
            userId,
            setTimeout(() => stops(conversationId, userId), TYPING_MS),
          ),
        );
      }
      changes.call();
    },
    /** Somebody's words have come. */
    wrote: stops,
    /** What was known is not true for long, and nobody tells any more. */
    forget() {
      for (const own of writing.values()) for (const timer of own.values()) clearTimeout(timer);
      writing.clear();
      writers.clear();
      people = new Map();
      changes.call();
    },
  };
}
