import { useSyncExternalStore } from "react";

function subscribe(listener: () => void) {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

/** Whether the person can see the page: not in another tab or behind a locked screen. */
export const usePageShown = () => useSyncExternalStore(subscribe, () => !document.hidden);
