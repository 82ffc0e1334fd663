import { useEffect, useRef } from "react";
import { startPolling } from "./polling.ts";

/**
 * Calls `check` when there may be news of one's conversations, as long as the page is shown. Only this file knows how
 * news arrive: by polling every `everyMs` today, by a WebSocket later.
 */
export function useLive(check: () => Promise<unknown>, everyMs: number, wanted = true) {
  const latest = useRef(check);
  useEffect(() => {
    latest.current = check;
  });
  useEffect(
    () => (wanted ? startPolling({ check: () => latest.current(), everyMs, page: document }) : undefined),
    [everyMs, wanted],
  );
}
