import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { type Caller, password, refreshSession } from "./client.ts";
import { cpuMs, type ServerOptions, type ServerProcess, startServer, stopProcess } from "./server-process.ts";

/** The first three are the numbers that `douya seed` takes. */
export interface DatasetSize {
  users: number;
  follows: number;
  videos: number;
  /** Pulled authors: every nth person, and strangers without followers among the people. */
  pulled?: { oneIn: number; strangers: number };
}

/** Stops something when the run ends, in any way. */
export type Owns = <T extends { stop(): Promise<void> }>(it: T) => T;

/** A synthetic dataset whose database runs like an operator's own, so that servers and ceilings share it. */
export interface Dataset {
  size: DatasetSize;
  /** The URL of the database, for `pg`. */
  url: string;
  pool: pg.Pool;
  serve(options?: Omit<ServerOptions, "env"> & { env?: Record<string, string> }): Promise<ServerProcess>;
  /** Sessions of this many of its people, evenly spread. */
  callers(server: ServerProcess, count: number): Promise<Caller[]>;
  /** CPU time that its database has used so far. */
  cpuMs(): Promise<number>;
  stop(): Promise<void>;
}

/** Loading millions of rows. */
const seedMs = 1_800_000;
const statementMs = 300_000;
const refreshesAtOnce = 32;
/** Videos come first in the feeds of followers for a week; an older dataset is made again. */
const keptForMs = 5 * 24 * 3_600_000;
export const keptIn = "build/bench-datasets";

/** Opens the dataset of this size; creates it in `folder` if it is missing. */
export async function openDataset(owns: Owns, folder: string, size: DatasetSize): Promise<Dataset> {
  if (!existsSync(folder)) await seed(owns, folder, size);
  const dir = join(folder, "postgres");
  const postgres = await startEmbeddedPostgres({ dir, log: createLog("error"), keepAlive: false });
  const pool = new pg.Pool({ connectionString: postgres.url, max: 4, statement_timeout: statementMs });
  // One that is being closed when its database stops.
  pool.on("error", () => {});
  return owns({
    size,
    url: postgres.url,
    pool,
    async serve(options: Omit<ServerOptions, "env"> & { env?: Record<string, string> } = {}) {
      const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: postgres.url, ...options.env };
      return owns(await startServer({ ...options, env }));
    },
    async callers(server: ServerProcess, count: number) {
      const sessions = await openSessions(pool, count);
      const found: Caller[] = [];
      for (let i = 0; i < sessions.length; i += refreshesAtOnce) {
        const some = sessions.slice(i, i + refreshesAtOnce);
        found.push(
          ...(await Promise.all(some.map((refreshToken) => refreshSession(server.port, refreshToken)))),
        );
      }
      return found;
    },
    cpuMs: () => cpuMs(postgres.pid),
    async stop() {
      await pool.end().catch(() => {});
      await postgres.stop();
    },
  });
}

/** The folder of a large dataset, which is kept between runs. */
export async function keptDataset({ users, follows, videos, pulled }: DatasetSize): Promise<string> {
  const folder = join(keptIn, [users, follows, videos, ...Object.values(pulled ?? {})].join("-"));
  const madeAtMs = await stat(join(folder, "made")).then(
    (file) => file.mtimeMs,
    () => 0,
  );
  if (Date.now() - madeAtMs > keptForMs) await rm(folder, { recursive: true, force: true });
  return folder;
}

/** Makes a dataset in a draft folder, which is renamed when it is complete. */
async function seed(
  owns: Owns,
  folder: string,
  { users, follows, videos, pulled }: DatasetSize,
): Promise<void> {
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
  if (pulled) await pullFrom(join(draft, "postgres"), pulled);
  await writeFile(join(draft, "made"), "");
  await rename(draft, folder);
}

/** As if these authors had too many followers to deliver to. There are no inboxes yet. */
async function pullFrom(
  dir: string,
  { oneIn, strangers }: NonNullable<DatasetSize["pulled"]>,
): Promise<void> {
  const postgres = await startEmbeddedPostgres({ dir, log: createLog("error"), keepAlive: false });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    await client.query("update feed.author_video set pushed = false where author_id % $1::int = 0", [oneIn]);
    await client.query(
      `insert into feed.author_video (author_id, published_ms, video_id, pushed)
       select 9000000000000000000 + n, n, 9000000000000000000 + n, false from generate_series(1, $1::int) n`,
      [strangers],
    );
    await client.query(
      `insert into feed.author (author_id, large, pull_number)
       select author_id, true, row_number() over (order by author_id)
       from (select distinct author_id from feed.author_video where not pushed) pulled
       on conflict (author_id) do update set large = true, pull_number = excluded.pull_number`,
    );
    await client.query("update feed.pull_clock set value = (select max(pull_number) from feed.author)");
    await client.query("vacuum analyze feed.author_video, feed.author");
  } finally {
    await client.end();
    await postgres.stop();
  }
}

/** Straight into the table, since thousands of passwords would take minutes to verify. Returns the refresh tokens. */
async function openSessions(pool: pg.Pool, count: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from "user".account where username ~ '^user\\d+$' order by id`,
  );
  const firstId = BigInt(Date.now()) << 22n;
  const userIds = Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!.id);
  // Each its own, as real ones: gateways ask for many at once by these ids.
  const ids = userIds.map((_, i) => String(firstId + BigInt(i)));
  const secrets = userIds.map((userId, i) => createHash("sha256").update(`${userId} ${ids[i]}`).digest());
  await pool.query(
    `insert into "user".session (user_id, id, classic, refresh_hash, user_agent, expires_at)
     select user_id, id, false, refresh_hash, 'bench', now() + interval '1 day'
     from unnest($1::int8[], $2::int8[], $3::bytea[]) as s(user_id, id, refresh_hash)`,
    [userIds, ids, secrets.map((secret) => createHash("sha256").update(secret).digest())],
  );
  return userIds.map((userId, i) => `${userId}.${ids[i]}.${secrets[i]!.toString("base64url")}`);
}
