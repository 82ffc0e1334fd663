import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

/** Starts the feed over with what is newest. */
export function useReloadFeed() {
  const cache = useQueryClient();
  return useCallback(() => {
    cache.removeQueries({ queryKey: ["feed-position"] });
    void cache.resetQueries({ queryKey: ["feed"] });
  }, [cache]);
}
