import { useQueryClient } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useAction } from "../ui/use-action.ts";
import { createMessageCache } from "./message-cache.ts";

/** Whether messages of a conversation, of two or of a group, are counted. */
export function useMuteConversation(id: string) {
  const { api } = useServices();
  const cache = useQueryClient();
  return useAction({
    mutationFn: (muted: boolean) => {
      const path = { params: { path: { userId: id } } };
      return take(
        muted
          ? api.PUT("/api/v1/conversations/{userId}/mute", path)
          : api.DELETE("/api/v1/conversations/{userId}/mute", path),
      );
    },
    onSuccess: (_, muted) => createMessageCache(cache).mute(id, muted),
  });
}
