import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { afterFailures, isTransient, take } from "../api/client.ts";
import { useServices, useUser } from "../api/services.tsx";
import { createMessageCache } from "./message-cache.ts";

/** While much is said, it is told so often. */
const PAUSE_MS = 1_000;

/** Tells that a conversation was read up to a message; undefined: nothing of it is being read. */
export function useMarkRead(peerId: string, upTo: string | undefined): void {
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const { mutate } = useMutation({
    mutationFn: (id: string) =>
      take(
        api.PUT("/api/v1/conversations/{userId}/read", {
          params: { path: { userId: peerId } },
          body: { upTo: id },
          // It continues when the page is left.
          keepalive: true,
        }),
      ),
    onSuccess: (_, id) => createMessageCache(cache).read(peerId, id, me?.id ?? ""),
    retry: (_, error) => isTransient(error),
    retryDelay: (failures, error) => afterFailures(error, failures + 1),
  });
  const known = useRef<{ upTo?: string; atMs: number; isDue: boolean }>({ atMs: -PAUSE_MS, isDue: false });
  useEffect(() => {
    const { current } = known;
    if (!upTo || upTo === current.upTo) return;
    current.upTo = upTo;
    if (current.isDue) return;
    current.isDue = true;
    // Also when the conversation, or the page, is left meanwhile.
    const timer = setTimeout(tell, current.atMs + PAUSE_MS - performance.now());
    window.addEventListener("pagehide", tell);
    function tell() {
      clearTimeout(timer);
      window.removeEventListener("pagehide", tell);
      current.isDue = false;
      current.atMs = performance.now();
      mutate(current.upTo!);
    }
  }, [upTo, mutate]);
}
