import { createHash } from "node:crypto";
import { chmod, chown, lstat, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "#platform/observe/log.ts";
import { refusal } from "../errors/reasons.ts";
import { folderId } from "./folder-id.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import { folderError } from "./postgres-errors.ts";
import { ensureDataFolder, SUPERUSER } from "./postgres-folder.ts";
import { boundLog } from "./postgres-log.ts";
import { embeddedSettings, settingsAsArguments } from "./postgres-settings.ts";
import { bringDown, bringUp } from "./postmaster.ts";
import { isAlive } from "./process-alive.ts";
import { type Account, chooseAccount, commandAs } from "./run-as.ts";
import { watchPostmaster } from "./watch-postmaster.ts";

export const DATABASE = "douya";
/** 104 bytes on macOS, 108 on Linux, with the closing zero. */
const MAX_SOCKET_PATH_BYTES = 103;
const MAX_LOG_BYTES = 8 * 2 ** 20;
const CONNECT_TIMEOUT_MS = 10_000;
/** How long an adopted server that answers nothing may take to be gone. */
const ADOPTED_END_MS = 5_000;
const POLL_MS = 10;

export type EmbeddedPostgres = {
  /** Connection string for `pg`, through a unix socket or the port; user `douya` is superuser, database `douya` exists. */
  url: string;
  /** True: the server was already running, left behind by a killed process or started by another one. */
  adopted: boolean;
  /** The server's process now; another one after a crash. */
  readonly pid: number;
  /**
   * Ends the server; resolves when it is gone, after 50 s at the latest. Not for a process that merely adopted
   * another one's server.
   */
  stop(): Promise<void>;
};

/**
 * Starts (or adopts) the PostgreSQL 18 server of the data folder `dir`, which is created if it is missing. Until
 * `stop`, a server that dies is restarted under the same url, unless `keepAlive` is false. Its log is `postgres.log`
 * in the same folder as `dir`. `settings` override embeddedSettings(). Errors: DomainErrors of kind `unavailable`
 * with a sentence for the operator.
 */
export async function startEmbeddedPostgres(options: {
  dir: string;
  log: Logger;
  settings?: Record<string, string>;
  /** Listens on TCP at 127.0.0.1 too. */
  port?: number;
  keepAlive?: boolean;
}): Promise<EmbeddedPostgres> {
  const dir = resolve(options.dir);
  const logFile = join(dirname(dir), "postgres.log");
  const { log, port } = options;
  const binaries = await findPostgresBinaries();
  const account = await chooseAccount(dir);
  const { password, created } = await ensureDataFolder(dir, binaries, account);
  try {
    const socketFolder = await ensureSocketFolder(dir, account);
    // Relative to the data folder, in which PostgreSQL works: an absolute path would be wrong once that is moved.
    const settings = {
      ...embeddedSettings(socketFolder === dir ? "." : socketFolder),
      ...(port ? { listen_addresses: "127.0.0.1", port: String(port) } : {}),
      ...options.settings,
    };
    const args = ["-D", dir, ...settingsAsArguments(settings)];
    const command = await commandAs(account, binaries.postgres, args, [binaries.root, dir]);
    await boundLog(logFile, MAX_LOG_BYTES);
    const where = { dir, socketFolder, port };
    const urlOf = (server: { socketFolder: string }) => (database: string) =>
      port
        ? `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`
        : `postgres://${SUPERUSER}:${password}@/${database}?host=${encodeURIComponent(server.socketFolder)}`;
    const server = await bringUpWithDatabase();
    const url = urlOf(server);
    log.info({ postmaster: server.pid, adopted: server.adopted, created }, "PostgreSQL is ready");
    const watch = watchPostmaster(server, {
      log,
      restart: options.keepAlive === false ? undefined : () => bringUp(where, command, logFile),
      everyMinute: () => boundLog(logFile, MAX_LOG_BYTES),
    });
    return {
      url: url(DATABASE),
      adopted: server.adopted,
      get pid() {
        return watch.server.pid;
      },
      async stop() {
        await watch.stop();
        await bringDown(watch.server, log);
      },
    };

    async function bringUpWithDatabase() {
      for (;;) {
        const server = await bringUp(where, command, logFile);
        try {
          await ensureDatabase(urlOf(server));
          return server;
        } catch (error) {
          // One that is adopted may be about to end: killed, or stopped by whoever had it.
          if (!server.adopted || !(await endsWithin(server.pid, ADOPTED_END_MS))) throw error;
        }
      }
    }
  } catch (error) {
    throw folderError(error, dir);
  }
}

async function endsWithin(pid: number, ms: number): Promise<boolean> {
  for (const deadline = Date.now() + ms; isAlive(pid); await delay(POLL_MS))
    if (Date.now() > deadline) return false;
  return true;
}

async function ensureDatabase(url: (database: string) => string): Promise<void> {
  try {
    await query(url(DATABASE), "select 1");
  } catch (error) {
    if ((error as { code?: string }).code !== "3D000") throw error;
    await query(url("postgres"), `create database ${DATABASE}`).catch((error) => {
      // Two first starts at once: the other one has created it.
      if (!["42P04", "23505"].includes(error.code)) throw error;
    });
  }
}

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The data folder itself, which nobody else can enter; a temporary folder if its path is too long. */
async function ensureSocketFolder(dir: string, account: Account | undefined): Promise<string> {
  if (Buffer.byteLength(join(dir, ".s.PGSQL.5432")) <= MAX_SOCKET_PATH_BYTES) return dir;
  const name = createHash("sha256")
    .update((await folderId(dir)) ?? dir)
    .digest("hex");
  const folder = join(tmpdir(), `douya-${name.slice(0, 16)}`);
  await mkdir(folder, { mode: 0o700 }).then(
    () => account && chown(folder, account.uid, account.gid),
    (error) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== (account?.uid ?? process.getuid?.()))
    throw refusal("SOCKET_FOLDER_TAKEN", { folder });
  await chmod(folder, 0o700);
  return folder;
}
