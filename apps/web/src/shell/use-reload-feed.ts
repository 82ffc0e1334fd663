import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useServices } from "../api/services.tsx";

/** Starts the feed over with what is newest. */
export function useReloadFeed() {
  const { preferences } = useServices();
  const cache = useQueryClient();
  return useCallback(() => {
    const { feedTab } = preferences.get();
    cache.removeQueries({ queryKey: ["feed-position", feedTab] });
    void cache.resetQueries({ queryKey: ["feed", feedTab] });
  }, [cache, preferences]);
}
