import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Kysely, Transaction } from "../db/database.ts";
import { DomainError } from "../errors/domain-error.ts";
import { createOutbox } from "./append.ts";
import type { Emit } from "./event-type.ts";

/** What a handler is given besides its transaction and its events. */
export interface HandlerContext {
  /** Adds events to the same transaction. */
  emit: Emit;
  /** Has something done at once when this has been committed; it does not happen if the process dies before. */
  afterCommit(act: () => void): void;
  /** Fires when the handler has taken too long. It is handed on in calls to other modules, so that they end too. */
  signal: AbortSignal;
}

/** The partition, or the dead letter, is no longer ours: nothing was changed. */
export class LeaseLost extends Error {}

/** Claims the work within its transaction; gives the process id of the connection's backend. Error: LeaseLost. */
export type Claim = (transaction: Transaction<unknown>) => Promise<number>;

/**
 * One transaction of: a claim (an offset moved under its lease, a dead letter taken out), what the handler does,
 * and the events it emits; tells the types of those. The claim comes first and locks its rows, so that nobody
 * does the same work at the same time. When the handler does not end in time, its signal fires and its connection is cut, so that
 * nothing it still tries has an effect. It then has the same time again to end before the next attempt begins, so that
 * the two do not overlap. Error: HANDLER_TOO_SLOW, and what the handler throws.
 */
export async function runHandler<Tables>(
  options: { db: Kysely<Tables>; pool: Pool; timeoutMs: number },
  claim: Claim,
  handle: (transaction: Transaction<Tables>, context: HandlerContext) => Promise<void>,
): Promise<Set<string>> {
  const { db, pool, timeoutMs } = options;
  const outbox = createOutbox();
  const committed: (() => void)[] = [];
  let failure: unknown;
  const work = async (transaction: Transaction<Tables>) => {
    const untyped = transaction as unknown as Transaction<unknown>;
    const pid = await claim(untyped);
    const late = new AbortController();
    await new Promise<void>((resolve, reject) => {
      const afterCommit = (act: () => void) => committed.push(act);
      const handled = handle(transaction, { emit: outbox.emit, afterCommit, signal: late.signal });
      const ended = handled.then(
        // The result of a late handler is ignored: its connection is being cut.
        () => late.signal.aborted || resolve(),
        (error) => late.signal.aborted || reject(error),
      );
      const timer = setTimeout(async () => {
        late.abort(tooSlow(timeoutMs));
        await pool.query("select pg_terminate_backend($1)", [pid]).catch(() => {});
        const patience = new AbortController();
        const waited = delay(timeoutMs, undefined, { signal: patience.signal }).catch(() => {});
        await Promise.race([ended, waited]);
        patience.abort();
        reject(late.signal.reason);
      }, timeoutMs);
      ended.finally(() => clearTimeout(timer));
    });
    await outbox.flush(untyped);
  };
  // Not inTransaction: a batch rolled back is tried later, and afterCommit must not be pushed twice.
  await db
    .transaction()
    .execute((transaction) =>
      work(transaction).catch((error) => {
        failure = error;
        throw error;
      }),
    )
    .catch((error) => {
      // Rolling back may fail too, which must not hide why.
      throw failure ?? error;
    });
  for (const act of committed) act();
  return outbox.types;
}

function tooSlow(timeoutMs: number): DomainError {
  return new DomainError("deadline", "HANDLER_TOO_SLOW", `The handler did not end within ${timeoutMs} ms.`);
}
