import { execFile } from "node:child_process";
import {
  chmod,
  chown,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { mendFolder } from "./restored-folder.ts";

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
let root: string;
let template: string;

const start = (home: string) =>
  startEmbeddedPostgres({ dir: join(home, "postgres"), log: createLog("fatal"), keepAlive: false });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "douya-restored-"));
  template = join(root, "template");
  const server = await start(template);
  await queryOnce(server.url, "create table t as select 'kept' as name");
  await server.stop();
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** The folder that a backup restored. */
async function restored(name: string): Promise<string> {
  const home = join(root, name);
  await run("cp", ["-a", template, home]);
  return home;
}

/** It starts, has its content, accepts writes, survives a checkpoint and stops cleanly. */
async function works(home: string): Promise<void> {
  const server = await start(home);
  try {
    expect(await queryOnce(server.url, "select name from t")).toEqual([{ name: "kept" }]);
    await queryOnce(server.url, "create table more as select generate_series(1, 1000); checkpoint");
    await queryOnce(server.url, "listen something; notify something");
  } finally {
    await server.stop();
  }
  expect(await readFile(join(home, "postgres.log"), "utf8")).not.toMatch(/PANIC|could not/);
}

/** Removes what a backup of files alone does not contain. */
async function dropEmptyFolders(dir: string): Promise<string[]> {
  const dropped: string[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true }))
    if (entry.isDirectory()) dropped.push(...(await dropEmptyFolders(join(dir, entry.name))));
  if ((await readdir(dir)).length > 0) return dropped;
  await rmdir(dir);
  return [...dropped, dir];
}

test("a restore of files alone, without the empty folders", async () => {
  const home = await restored("files");
  const dropped = await dropEmptyFolders(join(home, "postgres"));
  expect(dropped.length).toBeGreaterThan(8);
  await works(home);
  for (const dir of dropped) expect((await lstat(dir)).isDirectory(), dir).toBe(true);
});

test("a restore that others could look into", async () => {
  const home = await restored("open");
  await run("chmod", ["-R", "a+rX", home]);
  await works(home);
  expect((await stat(join(home, "postgres"))).mode & 0o777).toBe(0o700);
});

test.runIf(isRoot).each([
  ["root, all of it", "0:0", "."],
  ["somebody without a name, all of it", "54321:54321", "."],
  ["another user in one place only", "54321:54321", "postgres/base/1"],
])("a restore that belongs to %s", async (name, owner, part) => {
  const home = await restored(`owner-${name.slice(0, 4)}-${part.length}`);
  await run("chown", ["-R", owner, join(home, part)]);
  await dropEmptyFolders(join(home, "postgres"));
  await works(home);
});

test.runIf(isRoot)(
  "who may not take the files over is told the command, and nothing is changed",
  async () => {
    const home = await restored("it's another's");
    const dir = join(home, "postgres");
    await chown(join(dir, "PG_VERSION"), 54321, 54321);
    await chmod(root, 0o755);
    await chmod(dir, 0o755);
    const { uid, gid } = await stat(dir);
    const mine = process.geteuid!;
    try {
      // As the server of an ordinary user sees it.
      process.setegid!(gid);
      process.seteuid!(uid);
      await expect(mendFolder(dir, undefined)).rejects.toMatchObject({
        reason: "DATA_FOLDER_OWNER",
        message: expect.stringContaining(`sudo chown -R ${uid}:${gid} '${home.replaceAll("'", "'\\''")}'`),
      });
    } finally {
      process.seteuid!(0);
      process.setegid!(0);
    }
    expect(mine()).toBe(0);
    expect((await stat(join(dir, "PG_VERSION"))).uid).toBe(54321);
  },
);

test.each([
  ["base", ["base"]],
  ["global", ["global/pg_control"]],
  ["PG_VERSION", ["PG_VERSION"]],
  ["pg_xact", ["pg_xact"]],
  ["douya.password", ["douya.password"]],
  ["postgresql.conf", ["postgresql.conf"]],
])("a restore that lacks %s is refused in a sentence that names it", async (lost, named) => {
  const home = await restored(`without-${lost}`);
  await rm(join(home, "postgres", lost), { recursive: true });
  const refusal = await start(home).catch((error) => error);
  expect(refusal).toMatchObject({ kind: "unavailable", reason: "DATA_FOLDER_INCOMPLETE" });
  expect(refusal.message.split("\n")).toHaveLength(1);
  for (const name of named) expect(refusal.message).toContain(name);
  if (lost !== "PG_VERSION") return;
  await writeFile(join(home, "postgres", lost), "17\n");
  await expect(start(home)).rejects.toMatchObject({ reason: "POSTGRES_VERSION_MISMATCH" });
});
