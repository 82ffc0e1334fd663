import { useQueryClient } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { withCount, withFollow } from "./relations.ts";

/** Blocks or unblocks a person; blocking ends the follows between the two, and unblocking does not restore them. */
export function useBlock(user: User) {
  const { api } = useServices();
  const { t } = useI18n();
  const me = useUser();
  const cache = useQueryClient();
  const known = useKnown();
  const toast = useToast();
  const { id, name, followed, followsYou } = user;
  return useAction({
    mutationFn: (blocked: boolean) => {
      const path = { params: { path: { id } } };
      return take(
        blocked ? api.PUT("/api/v1/users/{id}/block", path) : api.DELETE("/api/v1/users/{id}/block", path),
      );
    },
    onSuccess: (_, blocked) => {
      if (blocked) {
        known.changeUser(id, (now) => ({
          ...withCount(withFollow(now, false), "following", -Number(followsYou)),
          followsYou: false,
          blocked: true,
        }));
        if (me)
          known.changeUser(me.id, (now) =>
            withCount(withCount(now, "following", -Number(followed)), "followers", -Number(followsYou)),
          );
      } else known.changeUser(id, (now) => ({ ...now, blocked: false }));
      // Neither sees the other in these.
      for (const key of ["feed", "comments", "people", "blocks", "hot-users", "ranking", "history"])
        void cache.resetQueries({ queryKey: [key] });
      toast(blocked ? t.blocked(name) : t.unblocked(name));
    },
  });
}
