import { useEffect, useRef } from "react";
import { afterFailures, isTransient } from "./client.ts";

/** Retries the page at which a list failed, as long as that may help. */
export function useAgain(error: Error | null, fetchNextPage: () => unknown) {
  const failures = useRef(0);
  useEffect(() => {
    failures.current = error ? failures.current + 1 : 0;
    if (!error || !isTransient(error)) return;
    const timer = setTimeout(fetchNextPage, afterFailures(error, failures.current));
    return () => clearTimeout(timer);
  }, [error, fetchNextPage]);
}
