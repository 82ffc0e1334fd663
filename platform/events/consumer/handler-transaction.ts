import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Kysely, Transaction } from "../../db/database.ts";
import { hookedTransaction } from "../../db/transaction.ts";
import type { DomainError } from "../../errors/domain-error.ts";
import { refusal } from "../../errors/reasons.ts";
import type { Emit } from "../event-type.ts";
import { createOutbox } from "../log/append.ts";

/** What the preparation of a handler gets in addition to its events. */
export interface PrepareContext {
  /** Aborts when the handler times out. Pass it to calls of other modules, so that they end too. */
  signal: AbortSignal;
}

/** What a handler gets in addition to its transaction and its events. */
export interface HandlerContext<Prepared = undefined> extends PrepareContext {
  /** What `prepare` gave. */
  prepared: Prepared;
  /** Adds events to the same transaction; in the trace of the first of the handled ones, unless they name another. */
  emit: Emit;
}

/** Another member has the partition or the dead letter now. Nothing was changed. */
export class ClaimLost extends Error {}

/** Claims the work within its transaction; gives the process id of the connection's backend. Error: ClaimLost. */
export type Claim = (transaction: Transaction<unknown>) => Promise<number>;

/** The two steps of a handler. */
export interface HandlerSteps<Tables, Prepared> {
  /** Asks others and does what is idempotent, without a connection and before anything is claimed. */
  prepare(context: PrepareContext): Promise<Prepared>;
  apply(transaction: Transaction<Tables>, context: HandlerContext<Prepared>): Promise<void>;
  /** The trace of what is emitted. */
  traceId: string;
}

/**
 * Runs a handler: prepares, then applies in one transaction with its claim (an offset moved under its term, or a dead
 * letter taken out) and the events it emits. In the transaction the claim comes first and
 * locks its rows, so that no other member applies the same at the same time. When the handler times out, its signal
 * aborts and its connection is terminated, so that nothing it still tries has an effect. It then gets the same time
 * again to end, so that the next attempt does not overlap with it. Error: HANDLER_TOO_SLOW, and what the handler throws.
 */
export async function runHandler<Tables, Prepared>(
  options: { db: Kysely<Tables>; pool: Pool; timeoutMs: number; onEmitted: () => void },
  claim: Claim,
  { prepare, apply, traceId }: HandlerSteps<Tables, Prepared>,
): Promise<void> {
  const { db, pool, timeoutMs } = options;
  const prepared = await withinTime(timeoutMs, (signal) => prepare({ signal }));
  const outbox = createOutbox(traceId);
  let failure: unknown;
  const work = async (transaction: Transaction<Tables>) => {
    const untyped = transaction as unknown as Transaction<unknown>;
    const pid = await claim(untyped);
    await withinTime(
      timeoutMs,
      (signal) => apply(transaction, { prepared, emit: outbox.emit, signal }),
      () => pool.query("select pg_terminate_backend($1)", [pid]),
    );
    await outbox.flush(untyped, options.onEmitted);
  };
  // Not inTransaction, which retries: the consumer retries a batch.
  await hookedTransaction(db, (transaction) =>
    work(transaction).catch((error) => {
      failure = error;
      throw error;
    }),
  ).catch((error) => {
    // The rollback can fail too, which must not hide the cause.
    throw failure ?? error;
  });
}

/** Settles like `work`; when its time is over, aborts its signal, calls `end` and waits for it once more as long. */
function withinTime<T>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  end: () => Promise<unknown> = async () => {},
): Promise<T> {
  const timeout = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const ended = work(timeout.signal).then(
      // The result after a timeout is ignored.
      (result) => timeout.signal.aborted || resolve(result),
      (error) => timeout.signal.aborted || reject(error),
    );
    const timer = setTimeout(async () => {
      timeout.abort(tooSlow(timeoutMs));
      await end().catch(() => {});
      const grace = new AbortController();
      const graceOver = delay(timeoutMs, undefined, { signal: grace.signal }).catch(() => {});
      await Promise.race([ended, graceOver]);
      grace.abort();
      reject(timeout.signal.reason);
    }, timeoutMs);
    ended.finally(() => clearTimeout(timer));
  });
}

function tooSlow(timeoutMs: number): DomainError {
  return refusal("HANDLER_TOO_SLOW", { timeoutMs });
}
