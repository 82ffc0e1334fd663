import type { Query, QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useServices } from "./services.tsx";
import type { SessionStore } from "./session.ts";
import type { User, Video } from "./types.ts";

/** Updates of videos and people in every cached list. */
export interface Known {
  changeVideo(id: string, change: (video: Video) => Video): void;
  /** The logged-in person too. */
  changeUser(id: string, change: (user: User) => User): void;
}

/**
 * A video or a person appears in many answers at once (feed, grid, page, comments). An update changes all of them,
 * found by their shape, so that no list needs to know another.
 */
export function createKnown(cache: QueryClient, session: Pick<SessionStore, "user" | "updateUser">): Known {
  function changeAll(swap: (value: object) => object) {
    for (const query of cache.getQueryCache().getAll()) {
      change(query, swap);
      // An answer that is under way is from before the change.
      query.promise?.then(
        () => change(query, swap),
        () => {},
      );
    }
  }
  return {
    changeVideo: (id, change) =>
      changeAll((value) => (isVideo(value) && value.id === id ? change(value) : value)),
    changeUser(id, change) {
      changeAll((value) => (isUser(value) && value.id === id ? change(value) : value));
      const self = session.user();
      if (self?.id === id) session.updateUser(change(self));
    },
  };
}

export function useKnown(): Known {
  const cache = useQueryClient();
  const { session } = useServices();
  return useMemo(() => createKnown(cache, session), [cache, session]);
}

function change(query: Query, swap: (value: object) => object): void {
  const { data, dataUpdatedAt, isInvalidated } = query.state;
  const next = replace(data, swap);
  if (next === data) return;
  query.setData(next, { updatedAt: dataUpdatedAt, manual: true });
  // Data that were stale stay stale.
  if (isInvalidated) query.invalidate();
}

const isVideo = (value: object): value is Video => "playUrl" in value && "reaction" in value;
const isUser = (value: object): value is User => "username" in value && "followsYou" in value;

/** `value` with every object in it replaced; the same object if nothing changed. */
function replace(value: unknown, swap: (value: object) => object): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => replace(item, swap));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  let next: Record<string, unknown> = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(value)) {
    const replaced = replace(inner, swap);
    if (replaced !== inner) next = { ...next, [key]: replaced };
  }
  return swap(next);
}
