import type { Kysely, Transaction } from "./database.ts";
import { retryOnDeadlock } from "./retry.ts";

/**
 * A transaction that is retried after a deadlock. So whatever `work` changes besides the database must be idempotent.
 */
export function inTransaction<Tables, Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  return retryOnDeadlock(() => db.transaction().execute(work));
}
