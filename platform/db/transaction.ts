import type { Kysely, Transaction } from "./database.ts";
import { despiteDeadlocks } from "./try-again.ts";

/**
 * A transaction that is done again when PostgreSQL rolls it back because it waited in a circle with others. So
 * whatever `work` changes besides the database must bear being done twice.
 */
export function inTransaction<Tables, Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  return despiteDeadlocks(() => db.transaction().execute(work));
}
