import { mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { bringDown, findPostmaster } from "#platform/postgres/postmaster.ts";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { patienceMs } from "./patience.ts";

const PREFIX = "douya-test-";
const MEMORY_FOLDER = "/dev/shm";
/** One of our databases takes some 10 MB. */
const MIN_MEMORY_BYTES = 2 ** 30;

/** Durability that a server for one test run does not need. */
const THROWAWAY_SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  // Many test files, each with its own pools.
  max_connections: "600",
  // Vacuuming databases that live for a second only takes time from the tests.
  autovacuum: "off",
};

export type PrivatePostgres = {
  readonly url: string;
  /** The folder around the data; gone after `remove`. */
  readonly folder: string;
  /** SIGKILL to the postmaster; resolves when it is gone. It stays down until `restart`. */
  kill(): Promise<void>;
  /** Stops the server cleanly if it is running, and starts it; the url stays the same. */
  restart(): Promise<void>;
  /** Stops the server and removes its data. */
  remove(): Promise<void>;
};

/** A PostgreSQL server for one test alone, with the settings of production: durable, on disk, in a folder in `parent`. */
export function startPrivatePostgres(
  settings: Record<string, string> = {},
  parent = tmpdir(),
): Promise<PrivatePostgres> {
  return startIn(parent, settings);
}

/** A fast server without durability, in memory if the system has room for it. */
export async function startThrowawayPostgres(): Promise<PrivatePostgres> {
  const memory = await statfs(MEMORY_FOLDER).catch(() => undefined);
  const roomy = memory !== undefined && memory.bavail * memory.bsize >= MIN_MEMORY_BYTES;
  // ext4 takes 350 ms to clone a database after others have been dropped; memory takes 10 ms.
  return startIn(roomy ? MEMORY_FOLDER : tmpdir(), THROWAWAY_SETTINGS);
}

async function startIn(parent: string, settings: Record<string, string>): Promise<PrivatePostgres> {
  await removeAbandoned(parent);
  const folder = await mkdtemp(join(parent, `${PREFIX}${process.pid}-`));
  const start = () => startServer(folder, settings);
  let server = await start();
  return {
    get url() {
      return server.url;
    },
    folder,
    async kill() {
      process.kill(server.pid, "SIGKILL");
      for (const deadline = Date.now() + patienceMs; isAlive(server.pid); await delay(5))
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

function startServer(folder: string, settings: Record<string, string>) {
  return startEmbeddedPostgres({
    dir: join(folder, "postgres"),
    log: createLog("fatal"),
    settings,
    keepAlive: false,
  });
}

/** Servers of killed test runs: they would hold their memory until a reboot. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!(pid > 0) || isAlive(pid)) continue;
    const folder = join(parent, name);
    const left = await findPostmaster(join(folder, "postgres"));
    if (left) await bringDown(left, createLog("fatal"));
    await rm(folder, { recursive: true, force: true });
  }
}
