import type { LiveHub } from "./live-hub.ts";
import type { PresenceHub } from "./presence-hub.ts";
import type { TypingHub } from "./typing.ts";

/** What connections hear of beside their timelines: nothing of it is stored, and a new connection begins anew. */
export interface Hubs {
  presence: PresenceHub;
  typing: TypingHub;
  live: LiveHub;
}
