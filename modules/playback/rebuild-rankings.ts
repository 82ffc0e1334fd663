import { type Kysely, withSignal } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import { rankingStore } from "./ranking-store.ts";
import type { Tables } from "./tables.ts";

/**
 * Makes the rankings anew, some videos at a time: who counts plays waits for a page and not for all. After an interruption
 * it begins anew.
 */
export function rebuildRankings(db: Kysely<Tables>): JobKind {
  return {
    maxAttempts: 5,
    timeoutMs: 24 * 3_600_000,
    async run(job) {
      const own = withSignal(job.signal, db);
      const store = rankingStore(own, Date.now);
      let last: string | undefined = "0";
      while (last !== undefined) last = await store.rebuildSome(last);
      await inTransaction(own, (transaction) => job.finish(transaction));
    },
  };
}
