import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { onAbort } from "../protect/on-abort.ts";
import { requestCancel } from "./cancel-request.ts";

/** A request that comes before the server has begun with the statement has no effect. */
const againMs = 100;

/** A connection of the pool; once the signal has fired nobody waits for one any more. */
export async function borrow(pool: pg.Pool, signal: AbortSignal | undefined): Promise<pg.PoolClient> {
  if (!signal) return pool.connect();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(signal.reason));
    const give = (client: pg.PoolClient) => {
      stop();
      if (signal.aborted) client.release();
      else resolve(client);
    };
    const fail = (error: unknown) => {
      stop();
      reject(error);
    };
    pool.connect().then(give, fail);
  });
}

/** Sends a statement on a connection that is lent to one piece of work. */
export type SendStatement = <T>(text: string, send: () => Promise<T>) => Promise<T>;

/**
 * Statements end when the signal fires, and none begins afterwards. They settle when no request to cancel them is on
 * its way any more, so that none hits what the connection does next. How a transaction ends is never left open: it is
 * rolled back whatever has fired, and a commit that was sent is waited for.
 */
export function endWith(signal: AbortSignal | undefined, client: pg.PoolClient): SendStatement {
  if (!signal) return (_text, send) => send();
  /** Of all statements: a transaction may have several in line. */
  const cancelling = new Set<Promise<void>>();

  return async (text, send) => {
    if (/^rollback\b/i.test(text)) {
      await Promise.all(cancelling);
      return send();
    }
    signal.throwIfAborted();
    if (/^commit\b/i.test(text)) return send();
    const answer = send();
    let cancelled: Promise<void> | undefined;
    const stop = onAbort(signal, () => {
      cancelled = cancel(client, answer);
      cancelling.add(cancelled);
    });
    try {
      return await answer;
    } catch (error) {
      throw cancelled ? signal.reason : error;
    } finally {
      stop();
      await cancelled;
    }
  };
}

/** Settles when the statement has ended and no request is under way; a connection that cannot be reached is cut. */
async function cancel(client: pg.PoolClient, answer: Promise<unknown>): Promise<void> {
  let ended = false;
  const note = () => {
    ended = true;
  };
  const end = answer.then(note, note);
  while (!ended) {
    await requestCancel(client).catch(() => {
      (client as unknown as pg.Client).end().catch(() => {});
    });
    await Promise.race([end, delay(againMs, undefined, { ref: false })]);
  }
}
