import type { Pool } from "pg";
import { askServer, noSlot } from "./pool-room.ts";

/**
 * Asks whether the database answers: an error, or undefined. Concurrent calls share one query, so health checks take
 * one connection at most; a pool that is full is no reason to be down, so it is one of their own then. A database that
 * takes longer than `patienceMs` counts as down.
 */
export function askDatabase(pool: Pool, patienceMs = 3_000): () => Promise<string | undefined> {
  const isThere = askServer(pool);
  let asking: Promise<string | undefined> | undefined;
  return async () => {
    const isFull = pool.idleCount === 0 && pool.totalCount >= pool.options.max;
    asking ??= (isFull ? isThere() : pool.query("select 1"))
      .then(
        (there) => (there ? undefined : "the database cannot be reached"),
        ({ code }) => (code === noSlot ? undefined : "the database cannot be reached"),
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
