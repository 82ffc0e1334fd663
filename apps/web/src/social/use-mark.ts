import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { type Api, take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { BOOKMARKS, repostsKey } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useAsMember } from "./as-member.tsx";
import { type Mark, withMark } from "./relations.ts";
import { useOptimistic } from "./use-optimistic.ts";

function send(api: Api, id: string, mark: Mark, to: boolean) {
  const path = { params: { path: { id } } };
  if (mark === "bookmark")
    return to
      ? api.PUT("/api/v1/videos/{id}/bookmark", path)
      : api.DELETE("/api/v1/videos/{id}/bookmark", path);
  return to ? api.PUT("/api/v1/videos/{id}/repost", path) : api.DELETE("/api/v1/videos/{id}/repost", path);
}

/** Keeps a video to find it again, or shows it on the viewer's profile; or no longer. */
export function useMark({ id, bookmarked, reposted }: Video, mark: Mark): (to: boolean) => void {
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const known = useKnown();
  const asMember = useAsMember();
  const from = mark === "bookmark" ? bookmarked : reposted;
  const show = useCallback(
    (to: boolean) => known.changeVideo(id, (now) => withMark(now, mark, to)),
    [known, id, mark],
  );
  const change = useOptimistic<boolean>({
    scope: `${mark} ${id}`,
    show,
    send: ({ to }) => take(send(api, id, mark, to)),
    onSuccess: () => {
      const queryKey = mark === "bookmark" ? BOOKMARKS : repostsKey(me?.id ?? "");
      void cache.invalidateQueries({ queryKey, refetchType: "none" });
    },
  });
  return useCallback((to) => asMember(mark, () => change({ from, to })), [asMember, mark, change, from]);
}
