import type { Pool } from "pg";

/**
 * Asks whether the database answers: an error, or undefined. Concurrent calls share one query, so health checks take
 * one connection at most. A database that takes longer than `patienceMs` counts as down.
 */
export function askDatabase(pool: Pool, patienceMs = 3_000): () => Promise<string | undefined> {
  let asking: Promise<string | undefined> | undefined;
  return async () => {
    asking ??= pool
      .query("select 1")
      .then(
        () => undefined,
        () => "the database cannot be reached",
      )
      .finally(() => {
        asking = undefined;
      });
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, patienceMs, "the database does not answer");
    });
    return Promise.race([asking, silent]).finally(() => clearTimeout(timer));
  };
}
