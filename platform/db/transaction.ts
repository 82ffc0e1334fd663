import type { Kysely, Queryable, Transaction } from "./database.ts";
import { retryOnDeadlock } from "./retry.ts";

/** What is to be done after the commit of each open transaction. */
const hooks = new WeakMap<object, (() => void)[]>();

/** A transaction in which `afterCommit` has an effect. */
export async function hookedTransaction<Tables, Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  const acts: (() => void)[] = [];
  const result = await db.transaction().execute((transaction) => {
    hooks.set(transaction, acts);
    return work(transaction);
  });
  for (const act of acts) act();
  return result;
}

/**
 * Calls `act` right after the commit of a transaction; at once when there is none. It is lost if the process dies in
 * between, so it may only hasten what comes anyway.
 */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
export function afterCommit(on: Queryable<any>, act: () => void): void {
  const acts = hooks.get(on);
  if (acts) acts.push(act);
  else if (on.isTransaction) throw new Error("not a transaction of inTransaction");
  else act();
}

/**
 * A transaction that is retried after a deadlock. So whatever `work` changes besides the database must be idempotent.
 */
export function inTransaction<Tables, Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  return retryOnDeadlock(() => hookedTransaction(db, work));
}
