import type { Query, QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { afterAnswers } from "./after-answers.ts";
import { useServices } from "./services.tsx";
import type { SessionStore } from "./session.ts";
import type { User, Video } from "./types.ts";

/** Updates of videos and people in every cached list. */
export interface Known {
  changeVideo(id: string, change: (video: Video) => Video): void;
  changeVideos(change: (video: Video) => Video): void;
  /** The logged-in person too. */
  changeUser(id: string, change: (user: User) => User): void;
}

/**
 * A video or a person appears in many answers at once (feed, grid, page, comments). An update changes all of them,
 * found by their shape, so that no list needs to know another.
 */
export function createKnown(cache: QueryClient, session: Pick<SessionStore, "user" | "updateUser">): Known {
  function changeAll<T extends Video | User>(is: (value: object) => value is T, to: (value: T) => T) {
    let shown: Partial<T> | undefined;
    const swap = (value: object) => {
      if (!is(value)) return value;
      const next = to(value);
      shown ??= differences(value, next);
      return next;
    };
    for (const query of cache.getQueryCache().getAll()) change(query, swap);
    // An answer that is under way is from before the change, from after it, or half of each: it is not added to.
    const settle = (value: object) =>
      is(value) ? (shown ? withDifferences(value, shown) : to(value)) : value;
    afterAnswers(cache, {}, (query) => change(query, settle));
  }
  return {
    changeVideo: (id, to) => changeAll((value): value is Video => isVideo(value) && value.id === id, to),
    changeVideos: (to) => changeAll(isVideo, to),
    changeUser(id, to) {
      changeAll((value): value is User => isUser(value) && value.id === id, to);
      const self = session.user();
      if (self?.id === id) session.updateUser(to(self));
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

/** What `after` has otherwise than `before`; of counts, those that differ. Undefined: nothing. */
function differences<T extends Video | User>(before: T, after: T): Partial<T> | undefined {
  const keys = (Object.keys(after) as (keyof T)[]).filter((key) => after[key] !== before[key]);
  if (keys.length === 0) return undefined;
  const found: Partial<T> = Object.fromEntries(keys.map((key) => [key, after[key]])) as Partial<T>;
  if (found.counts && before.counts) {
    const earlier: Record<string, number> = before.counts;
    found.counts = Object.fromEntries(
      Object.entries(found.counts).filter(([name, count]) => earlier[name] !== count),
    ) as T["counts"];
  }
  return found;
}

const withDifferences = <T extends Video | User>(value: T, found: Partial<T>): T => ({
  ...value,
  ...found,
  counts: { ...value.counts, ...found.counts },
});

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
