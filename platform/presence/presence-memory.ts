import { LRUCache } from "lru-cache";
import { atMost } from "../cache/at-most.ts";

/**
 * Who is here and who was when, in memory that gateways share and that may vanish: nothing is lost with it but that
 * knowledge. Never fails.
 */
export interface PresenceMemory {
  /** These people are here for `forMs`, if it is not said again before. Returns those who were not here. */
  here(ids: readonly string[], forMs: number): Promise<string[]>;
  /** These people have left, some milliseconds ago. */
  left(ids: readonly string[], agoMs: number): Promise<void>;
  /** Nothing is known of them any more. */
  forget(ids: readonly string[]): Promise<void>;
  /**
   * For how long each of them is here yet; below 0: since when they are not; undefined: nothing is known. Left out: nobody
   * can tell just now.
   */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, number | undefined>>;
}

/** How long it is known when somebody was here. */
export const keptMs = 30 * 24 * 3_600_000;
/** Beyond that, who was not here for longest is forgotten. */
const maxKnown = 100_000;

/** Where gateways share no memory: each knows who is connected to it. */
export function localPresence(nowMs: () => number = Date.now): PresenceMemory {
  /** Until when. */
  const known = new LRUCache<string, number>(atMost(maxKnown));
  return {
    async here(ids, forMs) {
      const now = nowMs();
      return ids.filter((id) => {
        const wasAway = (known.get(id) ?? 0) <= now;
        known.set(id, now + forMs);
        return wasAway;
      });
    },
    async left(ids, agoMs) {
      for (const id of ids) known.set(id, nowMs() - agoMs);
    },
    async forget(ids) {
      for (const id of ids) known.delete(id);
    },
    async read(ids) {
      const now = nowMs();
      return new Map(
        ids.map((id) => {
          const untilMs = known.get(id) ?? Number.NEGATIVE_INFINITY;
          return [id, untilMs > now - keptMs ? untilMs - now : undefined];
        }),
      );
    },
  };
}
