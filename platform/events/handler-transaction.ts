import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Kysely, Transaction } from "../db/database.ts";
import { DomainError } from "../errors/domain-error.ts";
import { createOutbox } from "./append.ts";
import type { Emit } from "./event-type.ts";

/** What a handler gets in addition to its transaction and its events. */
export interface HandlerContext {
  /** Adds events to the same transaction. */
  emit: Emit;
  /** Calls `act` right after the commit. It is lost if the process dies in between. */
  afterCommit(act: () => void): void;
  /** Aborts when the handler times out. Pass it to calls of other modules, so that they end too. */
  signal: AbortSignal;
}

/** Another member has the partition now, or the dead letter is gone. Nothing was changed. */
export class LeaseLost extends Error {}

/** Claims the work within its transaction; gives the process id of the connection's backend. Error: LeaseLost. */
export type Claim = (transaction: Transaction<unknown>) => Promise<number>;

/**
 * Runs a handler in one transaction with its claim (an offset moved under its lease, or a dead letter taken out) and
 * the events it emits; returns the types of those. The claim comes first and locks its rows, so that no other member
 * does the same work at the same time. When the handler times out, its signal aborts and its connection is terminated,
 * so that nothing it still tries has an effect. It then gets the same time again to end, so that the next attempt
 * does not overlap with it. Error: HANDLER_TOO_SLOW, and what the handler throws.
 */
export async function runHandler<Tables>(
  options: { db: Kysely<Tables>; pool: Pool; timeoutMs: number },
  claim: Claim,
  handle: (transaction: Transaction<Tables>, context: HandlerContext) => Promise<void>,
): Promise<Set<string>> {
  const { db, pool, timeoutMs } = options;
  const outbox = createOutbox();
  const afterCommitActs: (() => void)[] = [];
  let failure: unknown;
  const work = async (transaction: Transaction<Tables>) => {
    const untyped = transaction as unknown as Transaction<unknown>;
    const pid = await claim(untyped);
    const timeout = new AbortController();
    await new Promise<void>((resolve, reject) => {
      const afterCommit = (act: () => void) => afterCommitActs.push(act);
      const handled = handle(transaction, { emit: outbox.emit, afterCommit, signal: timeout.signal });
      const ended = handled.then(
        // The result after a timeout is ignored: the connection is being terminated.
        () => timeout.signal.aborted || resolve(),
        (error) => timeout.signal.aborted || reject(error),
      );
      const timer = setTimeout(async () => {
        timeout.abort(tooSlow(timeoutMs));
        await pool.query("select pg_terminate_backend($1)", [pid]).catch(() => {});
        const grace = new AbortController();
        const graceOver = delay(timeoutMs, undefined, { signal: grace.signal }).catch(() => {});
        await Promise.race([ended, graceOver]);
        grace.abort();
        reject(timeout.signal.reason);
      }, timeoutMs);
      ended.finally(() => clearTimeout(timer));
    });
    await outbox.flush(untyped);
  };
  // Not inTransaction, which retries: the consumer retries a batch, and afterCommit must not collect twice.
  await db
    .transaction()
    .execute((transaction) =>
      work(transaction).catch((error) => {
        failure = error;
        throw error;
      }),
    )
    .catch((error) => {
      // The rollback can fail too, which must not hide the cause.
      throw failure ?? error;
    });
  for (const act of afterCommitActs) act();
  return outbox.types;
}

function tooSlow(timeoutMs: number): DomainError {
  return new DomainError("deadline", "HANDLER_TOO_SLOW", `The handler did not end within ${timeoutMs} ms.`);
}
