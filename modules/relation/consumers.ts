import { relationFollowed, relationUnfollowed } from "#contracts/events.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { FollowRef, HotStore } from "./hot-store.ts";
import type { Tables } from "./tables.ts";

export const hotEvents = [relationFollowed, relationUnfollowed] as const;
type HotEvent = EventOf<(typeof hotEvents)[number]>;

/**
 * Projects follows into the ranking. New follows are applied before ended ones: a follow that has ended is no fact
 * any more and is not counted at all.
 */
export function projectHotUsers(store: HotStore) {
  return async (on: Transaction<Tables>, events: HotEvent[]): Promise<void> => {
    const of = (type: string): FollowRef[] =>
      events.filter((event) => event.type === type).map((event) => event.message);
    const followed = of(relationFollowed.name);
    const unfollowed = of(relationUnfollowed.name);
    if (followed.length > 0) await store.add(on, followed);
    if (unfollowed.length > 0) await store.remove(on, unfollowed);
  };
}
