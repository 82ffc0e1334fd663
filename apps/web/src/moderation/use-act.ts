import { useQueryClient } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { ActBody } from "../api/types.ts";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { useModerating } from "./use-moderating.ts";

/** Does something as a moderator; what shows it is asked for again. */
export function useAct() {
  const { t } = useModerating();
  const { api } = useServices();
  const cache = useQueryClient();
  const toast = useToast();
  return useAction({
    mutationFn: (body: ActBody) => take(api.POST("/api/v1/moderation/acts", { body })),
    onSuccess: ({ enforced }, { act }) => {
      toast(enforced ? t.actDone(t.acts[act]) : t.actLater);
      return cache.invalidateQueries();
    },
  });
}
