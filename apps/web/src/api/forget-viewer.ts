import type { QueryClient, QueryKey } from "@tanstack/react-query";

/**
 * When somebody else looks: everything is asked for again. The public feed stays as it is until the new one is
 * there, so that who has just logged in comes back to the video that they were at.
 */
export function forgetViewer(cache: QueryClient) {
  cache.removeQueries({ predicate: ({ queryKey }) => !isKept(queryKey) });
  void cache.invalidateQueries({ queryKey: ["feed"] });
}

const isKept = ([what, kind]: QueryKey) => what === "feed-position" || (what === "feed" && kind === "public");
