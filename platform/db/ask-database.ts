import type { Pool } from "pg";

/**
 * Asks whether the database answers: why not, or undefined. However many ask at once, and however long it is silent,
 * one question is under way, so health takes one connection at most. A database that takes longer than `patienceMs`
 * is as good as away for whoever waits for it.
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
