import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startEmbeddedPostgres } from "#platform/db/embedded-postgres.ts";
import { isAlive } from "#platform/db/postgres-folder.ts";
import { createLog } from "#platform/observe/log.ts";

/** What the shared test server need not do: its data die with the run. */
export const THROWAWAY_SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  // Many workers, each with pools of its own.
  max_connections: "400",
  // Statistics and vacuum of databases that live for milliseconds only take time from the tests.
  autovacuum: "off",
};

export type PrivatePostgres = {
  readonly url: string;
  /** The folder around the data; gone after `remove`. */
  readonly folder: string;
  /** SIGKILL to the postmaster; resolves when it is gone. Its backends leave on their own a moment later. */
  kill(): Promise<void>;
  /** Stops the server in good order if it is running, and starts it; the url stays the same. */
  restart(): Promise<void>;
  /** Stops the server and removes its data. */
  remove(): Promise<void>;
};

/** A PostgreSQL server for one test alone, durable unless `settings` say otherwise. */
export async function startPrivatePostgres(settings: Record<string, string> = {}): Promise<PrivatePostgres> {
  const folder = await mkdtemp(join(tmpdir(), "douya-test-"));
  const start = () =>
    startEmbeddedPostgres({ dir: join(folder, "postgres"), log: createLog("error"), settings });
  let server = await start();
  return {
    get url() {
      return server.url;
    },
    folder,
    async kill() {
      process.kill(server.pid, "SIGKILL");
      for (const deadline = Date.now() + 10_000; isAlive(server.pid); await delay(5))
        if (Date.now() > deadline) throw new Error(`process ${server.pid} does not die`);
    },
    async restart() {
      await server.stop();
      server = await start();
    },
    async remove() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
