import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { type Caller, logIn, password } from "./client.ts";
import { type ServerOptions, type ServerProcess, startServer, stopProcess } from "./server-process.ts";

/** The numbers that `douya seed` takes. */
export interface DatasetSize {
  users: number;
  follows: number;
  videos: number;
}

/** Stops something when the run ends, however it ends. */
export type Owns = <T extends { stop(): Promise<void> }>(it: T) => T;

/** A synthetic dataset whose database runs like an operator's own, so that servers and ceilings share it. */
export interface Dataset {
  size: DatasetSize;
  /** Of the database, for `pg`. */
  url: string;
  pool: pg.Pool;
  serve(options?: Omit<ServerOptions, "env"> & { env?: Record<string, string> }): Promise<ServerProcess>;
  /** Logs in so many of its people, evenly spread. */
  callers(server: ServerProcess, count: number): Promise<Caller[]>;
  stop(): Promise<void>;
}

/** Loading millions of rows. */
const seedMs = 1_800_000;
const statementMs = 300_000;
const loginsAtOnce = 16;
/** Videos are first in the feeds of whoever follows their authors for a week; a kept dataset is made again before. */
const keptForMs = 5 * 24 * 3_600_000;
const keptIn = "build/bench-towns";

/** Opens the dataset of this size; makes it in `folder` when it is missing. */
export async function openDataset(owns: Owns, folder: string, size: DatasetSize): Promise<Dataset> {
  if (!existsSync(folder)) await seed(owns, folder, size);
  const dir = join(folder, "postgres");
  const postgres = await startEmbeddedPostgres({ dir, log: createLog("error"), keepAlive: false });
  const pool = new pg.Pool({ connectionString: postgres.url, max: 4, statement_timeout: statementMs });
  return owns({
    size,
    url: postgres.url,
    pool,
    async serve(options: Omit<ServerOptions, "env"> & { env?: Record<string, string> } = {}) {
      const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: postgres.url, ...options.env };
      return owns(await startServer({ ...options, env }));
    },
    async callers(server: ServerProcess, count: number) {
      const names = Array.from(
        { length: count },
        (_, i) => `user${1 + Math.floor((i * size.users) / count)}`,
      );
      const found: Caller[] = [];
      for (let i = 0; i < names.length; i += loginsAtOnce) {
        const some = names.slice(i, i + loginsAtOnce);
        found.push(...(await Promise.all(some.map((name) => logIn(server.port, { name })))));
      }
      return found;
    },
    async stop() {
      await pool.end().catch(() => {});
      await postgres.stop();
    },
  });
}

/** The folder of a large dataset, which is kept from run to run. */
export async function keptDataset({ users, follows, videos }: DatasetSize): Promise<string> {
  const folder = join(keptIn, `${users}-${follows}-${videos}`);
  const madeAtMs = await stat(join(folder, "made")).then(
    (file) => file.mtimeMs,
    () => 0,
  );
  if (Date.now() - madeAtMs > keptForMs) await rm(folder, { recursive: true, force: true });
  return folder;
}

/** Makes a dataset in a draft folder, which is renamed when it is complete. */
async function seed(owns: Owns, folder: string, { users, follows, videos }: DatasetSize): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const size = [`--users=${users}`, `--follows=${follows}`, `--videos=${videos}`];
  const child = spawn(process.execPath, ["bin/douya.mjs", "seed", ...size, `--password=${password}`], {
    env: { ...process.env, DOUYA_DATA: draft },
    stdio: ["ignore", "ignore", "inherit"],
    timeout: seedMs,
  });
  owns({ stop: () => stopProcess(child) });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`douya seed ended with ${code}`);
  await writeFile(join(draft, "made"), "");
  await rename(draft, folder);
}
