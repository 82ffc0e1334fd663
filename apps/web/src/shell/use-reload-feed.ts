import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useServices } from "../api/services.tsx";

/** Restarts the feed with the newest videos. */
export function useReloadFeed() {
  const { preferences } = useServices();
  const cache = useQueryClient();
  return useCallback(() => {
    const { feedTab } = preferences.get();
    cache.removeQueries({ queryKey: ["feed-position", feedTab] });
    void cache.resetQueries({ queryKey: ["feed", feedTab] });
  }, [cache, preferences]);
}
