import { useEffect, useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import type { Refused } from "./outbox.ts";

/**
 * Sends to one person: shown at once, in the order of writing. A refused message goes back to the field, with the reason
 * in `refused`.
 */
export function useSend(peerId: string, giveBack: (content: string) => void) {
  const { outbox } = useServices();
  const waiting = useSyncExternalStore(outbox.subscribe, () => outbox.waiting(peerId));
  const refused = useSyncExternalStore(outbox.subscribe, () => outbox.refused(peerId));
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each refusal.
  useEffect(() => {
    if (refused && !given.has(refused)) {
      given.add(refused);
      giveBack(refused.content);
    }
  }, [refused]);
  return {
    waiting,
    refused: refused?.problem,
    send: (content: string) => outbox.add(peerId, content),
    again: () => outbox.again(peerId),
    drop: outbox.drop,
  };
}

const given = new WeakSet<Refused>();
