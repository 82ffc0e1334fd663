import { useEffect } from "react";
import { againMs, isTransient } from "./client.ts";

const AGAIN_MS = 5000;

/** Retries the page at which a list failed, as long as that may help. */
export function useAgain(error: Error | null, fetchNextPage: () => unknown) {
  useEffect(() => {
    if (!error || !isTransient(error)) return;
    const timer = setTimeout(fetchNextPage, againMs(error, AGAIN_MS));
    return () => clearTimeout(timer);
  }, [error, fetchNextPage]);
}
