import { setTimeout as delay } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import type { Logger } from "#platform/observe/log.ts";

/** Any number: the advisory lock of the one server on an embedded database. */
const key = 7_083_811;
const retryMs = 100;

export interface FolderLock {
  release(): void;
}

/**
 * Locks the embedded database for this process until `release`; returns undefined when another process has the lock.
 * It belongs to a session, so it is taken again when PostgreSQL was restarted.
 */
export async function lockFolder(pool: Pool, log: Logger): Promise<FolderLock | undefined> {
  let released = false;
  let holder = await tryLock(pool);
  if (!holder) return undefined;

  function watch(session: PoolClient): void {
    session.once("end", () => {
      if (released) return;
      session.release(true);
      holder = undefined;
      void lockAgain();
    });
  }

  async function lockAgain(): Promise<void> {
    let told = false;
    while (!released && !holder) {
      // The database is away.
      const session = await tryLock(pool).catch(() => "away" as const);
      if (session && session !== "away") {
        if (released) return session.release(true);
        holder = session;
        watch(session);
      } else {
        if (!session && !told) log.error("another program uses the data folder of this one");
        told ||= !session;
        await delay(retryMs);
      }
    }
  }

  watch(holder);
  return {
    release() {
      released = true;
      holder?.release(true);
    },
  };
}

async function tryLock(pool: Pool): Promise<PoolClient | undefined> {
  const session = await pool.connect();
  try {
    const { rows } = await session.query<{ mine: boolean }>("select pg_try_advisory_lock($1) as mine", [key]);
    if (rows[0]!.mine) return session;
  } catch (error) {
    session.release(true);
    throw error;
  }
  session.release();
  return undefined;
}
