import { reacted, shared } from "#contracts/events.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import { type HotAct, mergeActs } from "./hot-acts.ts";
import type { RankingStore } from "./ranking-store.ts";
import type { Tables } from "./tables.ts";

export const rankedEvents = [reacted, shared] as const;
type RankedEvent = EventOf<(typeof rankedEvents)[number]>;

/** `was` and `now` of a reaction. */
const likes = 1;

/** Projects likes and shares into the hot videos. */
export function projectRanked(store: Pick<RankingStore, "addActs">) {
  return async (on: Transaction<Tables>, events: RankedEvent[]): Promise<void> => {
    const acts: HotAct[] = [];
    for (const event of events) {
      if (event.type === reacted.name) {
        const { videoId, userId, was, now, atMs } = event.message;
        if ((was === likes) !== (now === likes))
          acts.push({
            ...{ videoId, userId },
            kind: "like",
            takenBack: was === likes,
            timesMs: now === likes ? [atMs] : [],
          });
      } else {
        const { videoId, userId, change, atMs, timesMs } = event.message;
        acts.push({
          ...{ videoId, userId },
          kind: "share",
          // Whoever takes them back takes back all.
          takenBack: change < 0,
          timesMs: change < 0 ? [] : timesMs.length > 0 ? timesMs : [atMs],
        });
      }
    }
    if (acts.length > 0) await store.addActs(on, mergeActs(acts));
  };
}
