import { useEffect, useRef } from "react";
import { startPolling } from "./polling.ts";

/**
 * Calls `check` whenever there may be news of one's conversations, as long as the page is shown. The only place
 * that knows how news arrive: today by asking every `everyMs`, one day by a WebSocket that calls instead.
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
