import { useEffect, useReducer } from "react";

/** A longer time would be none to a timer. */
const MOST_MS = 2 ** 31 - 1;

/** Whether a time is yet to come; the page shows when it has. */
export function useIsBefore(time: string | null): boolean {
  const [, again] = useReducer((count: number) => count + 1, 0);
  const leftMs = time === null ? 0 : Date.parse(time) - Date.now();
  useEffect(() => {
    if (leftMs <= 0) return;
    const timer = setTimeout(again, Math.min(leftMs, MOST_MS));
    return () => clearTimeout(timer);
  });
  return leftMs > 0;
}
