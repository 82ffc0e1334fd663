import { constants } from "node:fs";
import { appendFile, chown, copyFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type Account, chooseAccount } from "./run-as.ts";

/** What belongs to the running server and not to its data. */
const leftOut = new Set([
  ...["postmaster.pid", "postmaster.opts", "pg_internal.init", "pgsql_tmp"],
  ...["standby.signal", "recovery.signal", "backup_label", "tablespace_map"],
]);
/** Folders that a copy has, with nothing in them: the WAL it needs comes from the primary. */
const emptied = new Set([
  ...["pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp"],
  "pg_subtrans",
]);
const connectMs = 10_000;
/** A server that is silent for so long is given up; the beginning of a backup waits for a checkpoint. */
const answerMs = 5_000;
const backupMs = 60_000;
const goodbyeMs = 1_000;

/** Settings of a server that has replicas, or may get some when it is promoted. */
export const replicationSettings: Readonly<Record<string, string>> = {
  wal_level: "logical",
  hot_standby: "on",
  max_wal_senders: "10",
  max_replication_slots: "10",
  // What a replica that is away may keep from being removed; one that is away for longer must be made again.
  max_slot_wal_keep_size: "2GB",
  // The other side is taken for dead sooner than after PostgreSQL's minute.
  wal_sender_timeout: "10s",
  wal_receiver_timeout: "10s",
  wal_retrieve_retry_interval: "500ms",
};

/**
 * Makes `dir` a replica of the running server at `primary.url` (a superuser's), whose data folder on this machine is
 * `primary.dir`: an online backup that follows the primary, from its first start on, through the replication slot `name`
 * ([a-z0-9_]). What was at `dir` is removed.
 */
export async function makeReplica(
  primary: { url: string; dir: string },
  { dir, name }: { dir: string; name: string },
): Promise<void> {
  const draft = `${dir}.new-${process.pid}`;
  const account = await chooseAccount(primary.dir);
  await withSession(primary.url, backupMs, async (session) => {
    try {
      await reserveSlot(session, name);
      await session.query("select pg_backup_start($1, true)", [name]);
      await mkdir(dirname(dir), { recursive: true });
      await copyFolder(primary.dir, draft, account);
      const { rows } = await session.query<{ labelfile: string }>(
        "select labelfile from pg_backup_stop(wait_for_archive => false)",
      );
      await writeOwn(join(draft, "backup_label"), rows[0]!.labelfile, account);
      await writeOwn(join(draft, "standby.signal"), "", account);
      await appendFile(join(draft, "postgresql.auto.conf"), followerSettings(primary.url, name));
      await rm(dir, { recursive: true, force: true });
      await rename(draft, dir);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  });
}

/** Lets commits of the server at `url` wait until one of these replicas has them on its disk; none: for nobody. */
export function setSynchronous(url: string, names: string[]): Promise<void> {
  const wanted = names.length > 0 ? `ANY 1 (${names.join(", ")})` : "";
  return withSession(url, answerMs, async (session) => {
    await session.query(`alter system set synchronous_standby_names = '${wanted}'`);
    await session.query("select pg_reload_conf()");
  });
}

async function withSession<T>(
  url: string,
  queryMs: number,
  work: (session: pg.Client) => Promise<T>,
): Promise<T> {
  const session = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    query_timeout: queryMs,
  });
  session.on("error", () => {});
  await session.connect();
  try {
    return await work(session);
  } finally {
    // A server that is paused does not close the connection.
    await Promise.race([session.end().catch(() => {}), delay(goodbyeMs, undefined, { ref: false })]);
  }
}

/** From here on the WAL that the replica needs is kept. */
async function reserveSlot(session: pg.Client, name: string): Promise<void> {
  await session.query(
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active",
    [name],
  );
  await session.query("select pg_create_physical_replication_slot($1, true)", [name]);
}

/** The last ones count, so they replace what was copied. A promoted replica waits for no other until it is told to. */
function followerSettings(primaryUrl: string, name: string): string {
  const url = `${primaryUrl}${primaryUrl.includes("?") ? "&" : "?"}application_name=${name}`;
  return [
    `primary_conninfo = '${url.replaceAll("'", "''")}'`,
    `primary_slot_name = '${name}'`,
    "synchronous_standby_names = ''",
    "",
  ].join("\n");
}

/** Files may come and go meanwhile: the WAL says what became of them. */
async function copyFolder(from: string, to: string, account: Account | undefined): Promise<void> {
  await makeFolder(to, account);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (leftOut.has(entry.name)) continue;
    if (entry.isDirectory()) {
      if (emptied.has(entry.name)) await makeFolder(target, account);
      else await copyFolder(source, target, account);
    } else if (entry.isFile()) {
      await copyFile(source, target, constants.COPYFILE_FICLONE).then(
        () => account && chown(target, account.uid, account.gid),
        (error) => {
          if (error.code !== "ENOENT") throw error;
        },
      );
    }
  }
}

async function makeFolder(path: string, account: Account | undefined): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (account) await chown(path, account.uid, account.gid);
}

async function writeOwn(path: string, text: string, account: Account | undefined): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (account) await chown(path, account.uid, account.gid);
}
