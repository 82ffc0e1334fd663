import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAsMember } from "./as-member.tsx";
import { withCount, withFollow } from "./relations.ts";

/**
 * Following somebody or no longer: shown at once, taken back with the reason when the server refuses. `from` is for
 * what is undone later, when more may have happened than this render knows.
 */
export function useFollow({ id, followed }: User): (to: boolean, from?: boolean) => void {
  const { api } = useServices();
  const { t } = useI18n();
  const me = useUser();
  const cache = useQueryClient();
  const known = useKnown();
  const toast = useToast();
  const asMember = useAsMember();

  const apply = useCallback(
    (to: boolean) => {
      known.changeUser(id, (user) => withFollow(user, to));
      if (me) known.changeUser(me.id, (user) => withCount(user, "following", to ? 1 : -1));
    },
    [known, id, me],
  );
  const { mutate } = useMutation({
    scope: { id: `follow ${id}` },
    mutationFn: (to: boolean) => {
      const path = { params: { path: { id } } };
      return take(
        to ? api.PUT("/api/v1/users/{id}/follow", path) : api.DELETE("/api/v1/users/{id}/follow", path),
      );
    },
    onError: (error, to) => {
      apply(!to);
      toast(explain(t, error));
    },
    onSuccess: () => {
      // Read anew when they are opened next, not under the viewer's eyes.
      const lists = [
        ["feed", "following"],
        ["people", me?.id],
        ["people", id],
      ];
      for (const queryKey of lists) void cache.invalidateQueries({ queryKey, refetchType: "none" });
    },
  });
  return useCallback(
    (to, from = followed) =>
      asMember("follow", () => {
        if (to === from) return;
        apply(to);
        mutate(to);
      }),
    [asMember, apply, mutate, followed],
  );
}
