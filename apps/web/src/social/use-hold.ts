import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices } from "../api/services.tsx";
import { useAction } from "../ui/use-action.ts";

/** For moderators: a video on hold cannot be deleted until they have looked at it. */
export function useHold(videoId: string) {
  const { api } = useServices();
  const known = useKnown();
  return useAction({
    mutationFn: ({ held, reason }: { held: boolean; reason: string }) => {
      const path = { params: { path: { id: videoId }, query: { reason } } };
      return take(
        held ? api.PUT("/api/v1/videos/{id}/hold", path) : api.DELETE("/api/v1/videos/{id}/hold", path),
      );
    },
    onSuccess: (_, { held }) => known.changeVideo(videoId, (video) => ({ ...video, held })),
  });
}
