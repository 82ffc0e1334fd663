import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { onAbort } from "../protect/on-abort.ts";
import { requestCancel } from "./cancel-request.ts";

/** A cancel request that arrives before the statement has begun has no effect. */
const againMs = 100;

/** Acquires a connection of the pool. Waiting for one ends when the signal fires. */
export async function acquire(pool: pg.Pool, signal: AbortSignal | undefined): Promise<pg.PoolClient> {
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

/** Sends a statement on an acquired connection. */
export type SendStatement = <T>(text: string, send: () => Promise<T>) => Promise<T>;

/**
 * Statements are cancelled when the signal fires, and none begins afterwards. They settle once no cancel request is in
 * flight, so that none hits the next statement of the connection. A transaction never ends in doubt: a rollback is sent
 * even after the signal, and a commit that was sent is awaited.
 */
export function cancelOnAbort(signal: AbortSignal | undefined, client: pg.PoolClient): SendStatement {
  if (!signal) return (_text, send) => send();
  /** Of all statements: a transaction may pipeline several. */
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

/** Settles when the statement has ended and no cancel request is in flight; an unreachable connection is closed. */
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
