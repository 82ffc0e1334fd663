import {
  relationBlocked,
  relationUnblocked,
  videoDeleted,
  videoVisibilityChanged,
} from "#contracts/events.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { Validity } from "#platform/cache/validity.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { EventBroadcast } from "#platform/events/events.ts";

/** Every change by which somebody may no longer see a video that all could see, or act on what an author made. */
const types = [videoVisibilityChanged, videoDeleted, relationBlocked, relationUnblocked] as const;

/** For how long what is remembered counts, for what no event tells of. */
export const maxAgeMs = 600_000;

/**
 * Of what decides whether a person may act on a video. What is remembered of it is judged by the log with each request,
 * so an act that begins after a change was committed feels it (docs/adr/0041).
 */
export const actValidity = (events: EventBroadcast, caches: Pick<Caches, "validity">): Validity =>
  caches.validity(async (since) => {
    const { cursor, events: changes } = await events.changesSince(types, since);
    return { cursor, ids: changes?.map(concerned) ?? [], everything: changes === undefined };
  });

/** Ids of videos and people are different. */
function concerned({ type, message }: EventOf<(typeof types)[number]>): string {
  return type === videoVisibilityChanged.name || type === videoDeleted.name
    ? message.videoId
    : message.blockerId;
}
