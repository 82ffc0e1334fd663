import { concernedBy, feedEvents } from "#contracts/feed-changes.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { Changes, Validity } from "#platform/cache/validity.ts";
import type { EventBroadcast } from "#platform/events/events.ts";

/** The classic feed puts followed authors first for some time after publishing, and no event tells when that ends. */
export const maxAgeMs = 600_000;

/** Of what feeds show: the videos, the people, and which videos there are. */
export const feedValidity = (events: EventBroadcast, caches: Pick<Caches, "validity">): Validity =>
  caches.validity((cursor) => changesSince(events, cursor));

async function changesSince(events: EventBroadcast, since: string): Promise<Changes> {
  const { cursor, events: changes } = await events.changesSince(feedEvents, since);
  const ids = changes?.map(concernedBy);
  if (!ids || ids.includes(undefined)) return { cursor, ids: [], everything: true };
  return { cursor, ids: [...new Set(ids.flat() as string[])], everything: false };
}
