import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useAsMember } from "./as-member.tsx";
import { withCount, withFollow } from "./relations.ts";
import { type Step, useOptimistic } from "./use-optimistic.ts";

/** Follows or unfollows a person. `from` is for an undo, when more may have changed than this render knows. */
export function useFollow({ id, followed }: User): (to: boolean, from?: boolean) => void {
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const known = useKnown();
  const asMember = useAsMember();

  const show = useCallback(
    (to: boolean) => known.changeUser(id, (user) => withFollow(user, to)),
    [known, id],
  );
  const count = useCallback(
    ({ to }: Step<boolean>) => {
      if (me) known.changeUser(me.id, (user) => withCount(user, "following", to ? 1 : -1));
    },
    [known, me],
  );
  const change = useOptimistic<boolean>({
    scope: `follow ${id}`,
    show,
    count,
    send({ to }) {
      const path = { params: { path: { id } } };
      return take(
        to ? api.PUT("/api/v1/users/{id}/follow", path) : api.DELETE("/api/v1/users/{id}/follow", path),
      );
    },
    onSuccess() {
      // Reloaded when they are opened next, not while they are shown.
      const lists = [
        ["feed", "following"],
        ["people", me?.id],
        ["people", id],
      ];
      for (const queryKey of lists) void cache.invalidateQueries({ queryKey, refetchType: "none" });
    },
  });
  return useCallback(
    (to, from = followed) => asMember("follow", () => change({ from, to })),
    [asMember, change, followed],
  );
}
