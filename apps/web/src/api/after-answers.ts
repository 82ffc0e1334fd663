import type { Query, QueryClient, QueryFilters } from "@tanstack/react-query";

/** Runs `act` when answers that are under way have come: they may be from before a change that is shown already. */
export function afterAnswers(cache: QueryClient, filters: QueryFilters, act: (query: Query) => void): void {
  for (const query of cache.getQueryCache().findAll(filters))
    if (query.state.fetchStatus !== "idle")
      query.promise?.then(
        () => act(query),
        () => {},
      );
}
