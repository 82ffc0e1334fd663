import pg, { type Pool } from "pg";
import { refusal } from "../errors/reasons.ts";

/** Who waits for a connection of the pool holds a request and what it has read. */
const maxWaiting = 1_000;
/** The pool's own words when nobody gave a connection back in time. */
const waitedInVain = "timeout exceeded when trying to connect";
/** PostgreSQL's code when all of its connections are taken. */
export const noSlot = "53300";
const answerMs = 1_000;

/** Whether there is a place to wait for a connection. Error: BUSY. */
export function requireRoom(pool: Pool): void {
  if (pool.waitingCount >= maxWaiting) throw refusal("BUSY");
}

/**
 * Asks the server whether it is there, by a connection of its own: the pool may be full because much is done, or because
 * nothing is answered. Concurrent callers share the question.
 */
export function askServer(pool: Pool): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  return () => {
    asking ??= answers(pool).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

async function answers(pool: Pool): Promise<boolean> {
  const own = new pg.Pool({
    ...pool.options,
    max: 1,
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
  });
  own.on("error", () => {});
  try {
    await own.query("select 1");
    return true;
  } catch (error) {
    return (error as { code?: string }).code === noSlot;
  } finally {
    void own.end();
  }
}

/** Whether a connection could not be had because others have them all. `isThere`: see `askServer`. */
export async function isFull(
  error: Error & { code?: unknown },
  isThere: () => Promise<boolean>,
): Promise<boolean> {
  if (error.code === noSlot) return true;
  return error.message === waitedInVain && (await isThere());
}
