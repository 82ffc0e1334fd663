import { sql } from "kysely";
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

/** Does `work` in a transaction, and has the statement under way fail once the signal fires, however long it is. */
export async function unlessAborted<Tables>(
  { db, transaction, signal }: { db: Kysely<Tables>; transaction: Transaction<Tables>; signal: AbortSignal },
  work: () => Promise<void>,
): Promise<void> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
  let cancelled: Promise<unknown> | undefined;
  const cancel = () => {
    cancelled = sql`select pg_cancel_backend(${rows[0]!.pid})`.execute(db).catch(() => {});
  };
  signal.throwIfAborted();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    await work();
  } finally {
    signal.removeEventListener("abort", cancel);
    // So that it does not hit whoever has the connection next.
    await cancelled;
  }
}
