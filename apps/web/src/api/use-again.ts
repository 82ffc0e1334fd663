import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { afterFailures, isTransient } from "./client.ts";

type List = Pick<
  UseInfiniteQueryResult,
  | "data"
  | "error"
  | "isFetchNextPageError"
  | "isFetchPreviousPageError"
  | "fetchNextPage"
  | "fetchPreviousPage"
  | "refetch"
>;

/** What asks once more for that which failed: the next page, the one before, or all pages that are shown. */
export function againOf(list: List): () => unknown {
  if (list.isFetchNextPageError) return list.fetchNextPage;
  return list.isFetchPreviousPageError ? list.fetchPreviousPage : list.refetch;
}

/** Retries what failed of a list that is shown, as long as that may help; without any data the query itself does. */
export function useAgain(list: List, isShown = true): void {
  const error = isShown && list.data ? list.error : null;
  const again = againOf(list);
  const failures = useRef(0);
  useEffect(() => {
    failures.current = error ? failures.current + 1 : 0;
    if (!error || !isTransient(error)) return;
    const timer = setTimeout(again, afterFailures(error, failures.current));
    return () => clearTimeout(timer);
  }, [error, again]);
}
