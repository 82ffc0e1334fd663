import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { BOOKMARKS } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useAsMember } from "./as-member.tsx";
import { withBookmark } from "./relations.ts";
import { type Step, useOptimistic } from "./use-optimistic.ts";

/** Keeps a video to find it again, or no longer. */
export function useBookmark({ id, bookmarked }: Video): (to: boolean) => void {
  const { api } = useServices();
  const cache = useQueryClient();
  const known = useKnown();
  const asMember = useAsMember();
  const show = useCallback(
    ({ to }: Step<boolean>) => known.changeVideo(id, (now) => withBookmark(now, to)),
    [known, id],
  );
  const change = useOptimistic<boolean>({
    scope: `bookmark ${id}`,
    show,
    send: ({ to }) => {
      const path = { params: { path: { id } } };
      return take(
        to ? api.PUT("/api/v1/videos/{id}/bookmark", path) : api.DELETE("/api/v1/videos/{id}/bookmark", path),
      );
    },
    onSuccess: () => void cache.invalidateQueries({ queryKey: BOOKMARKS, refetchType: "none" }),
  });
  return useCallback(
    (to) => asMember("bookmark", () => change({ from: bookmarked, to })),
    [asMember, change, bookmarked],
  );
}
