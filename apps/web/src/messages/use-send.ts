import { useEffect, useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import type { Outgoing } from "./outbox.ts";

/**
 * Sends to one person: shown at once, in the order of writing. A refused message is a draft again, with the reason in
 * `refused`.
 */
export function useSend(peerId: string, onRefused: () => void) {
  const { outbox } = useServices();
  const waiting = useSyncExternalStore(outbox.subscribe, () => outbox.waiting(peerId));
  const refused = useSyncExternalStore(outbox.subscribe, () => outbox.refused(peerId));
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each refusal.
  useEffect(() => {
    if (refused) onRefused();
  }, [refused]);
  return {
    waiting,
    refused: refused?.problem,
    send: (content: string, more: Pick<Outgoing, "replyTo">) => outbox.add(peerId, content, more),
    again: () => outbox.again(peerId),
    drop: outbox.drop,
  };
}
