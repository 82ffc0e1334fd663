import type { QueryClient, QueryKey } from "@tanstack/react-query";

/**
 * After a change of the viewer everything is requested again. The public feed stays until the new one has arrived, so
 * that a viewer who logs in returns to the same video.
 */
export function forgetViewer(cache: QueryClient) {
  cache.removeQueries({ predicate: ({ queryKey }) => !isKept(queryKey) });
  void cache.invalidateQueries({ queryKey: ["feed"] });
}

const isKept = ([what, kind]: QueryKey) => what === "feed-position" || (what === "feed" && kind === "public");
