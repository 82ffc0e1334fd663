import { useMutation } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices } from "../api/services.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";

/** For moderators: a video on hold cannot be deleted until they have looked at it. */
export function useHold(videoId: string) {
  const { api } = useServices();
  const { t } = useI18n();
  const known = useKnown();
  const toast = useToast();
  return useMutation({
    mutationFn: ({ held, reason }: { held: boolean; reason: string }) => {
      const path = { params: { path: { id: videoId }, query: { reason } } };
      return take(
        held ? api.PUT("/api/v1/videos/{id}/hold", path) : api.DELETE("/api/v1/videos/{id}/hold", path),
      );
    },
    onSuccess: (_, { held }) => known.changeVideo(videoId, (video) => ({ ...video, held })),
    onError: (error) => toast(explain(t, error)),
  });
}
