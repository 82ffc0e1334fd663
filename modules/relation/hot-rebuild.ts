import { type Kysely, withSignal } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import type { HotStore } from "./hot-store.ts";
import type { Tables } from "./tables.ts";

/** Rebuilds the ranking in one transaction; readers see the old one until the commit. */
export function rebuildRanking(db: Kysely<Tables>, hot: HotStore): JobKind {
  return {
    maxAttempts: 5,
    timeoutMs: 600_000,
    run: (job) =>
      inTransaction(withSignal(job.signal, db), async (transaction) => {
        await hot.rebuild(transaction);
        await job.finish(transaction);
      }),
  };
}
