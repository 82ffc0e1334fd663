import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { bringDown, findPostmaster } from "./postmaster.ts";
import { isAlive } from "./process-alive.ts";

const run = promisify(execFile);
const log = createLog("fatal");
const isRoot = process.getuid?.() === 0;
let root: string;
const homes = new Set<string>();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "douya-copied-"));
  await (await start(join(root, "template"))).stop();
});
afterEach(async () => {
  for (const home of homes) {
    const left = await findPostmaster(join(home, "postgres"));
    if (left) await bringDown(left, log);
  }
  homes.clear();
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A path for a data folder. */
function place(name: string): string {
  homes.add(join(root, name));
  return join(root, name);
}

/** A copied data folder, which costs less than creating one. */
async function home(name: string): Promise<string> {
  const folder = place(name);
  await run("cp", ["-a", join(root, "template"), folder]);
  return folder;
}

/** An unattended server, as a killed process leaves it. */
function start(folder: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dir: join(folder, "postgres"), log, keepAlive: false });
}

const names = (server: EmbeddedPostgres) => queryOnce(server.url, "select name from t order by 1");

test.each([
  ["short", ""],
  ["long", "x".repeat(90)],
])("a copy of a folder that is in use, at a %s path, is a database of its own", async (length, more) => {
  const [a, b] = [await home(`a-${length}${more}`), place(`b-${length}${more}`)];
  const original = await start(a);
  await queryOnce(original.url, "create table t as select 'both' as name; checkpoint");
  await run("cp", ["-a", a, b]);
  const copy = await start(b);
  expect(copy.adopted).toBe(false);
  expect(copy.pid).not.toBe(original.pid);
  await queryOnce(copy.url, "insert into t values ('copy')");
  await queryOnce(original.url, "insert into t values ('original')");
  expect(await names(copy)).toEqual([{ name: "both" }, { name: "copy" }]);
  expect(await names(original)).toEqual([{ name: "both" }, { name: "original" }]);
  // Stopped or adopted, in any order.
  await copy.stop();
  expect(isAlive(original.pid)).toBe(true);
  const again = await start(a);
  expect(again).toMatchObject({ adopted: true, pid: original.pid });
  const copyAgain = await start(b);
  expect(copyAgain.adopted).toBe(false);
  await again.stop();
  expect(await names(copyAgain)).toEqual([{ name: "both" }, { name: "copy" }]);
  await copyAgain.stop();
});

test("a moved folder keeps its running server", async () => {
  const [from, to] = [await home("from"), place("to")];
  const before = await start(from);
  await queryOnce(before.url, "create table t as select 'kept' as name");
  await rename(from, to);
  const after = await start(to);
  expect(after).toMatchObject({ adopted: true, pid: before.pid });
  expect(await names(after)).toEqual([{ name: "kept" }]);
  // A new one at the old path is different.
  const fresh = await start(await home("from"));
  expect(fresh.adopted).toBe(false);
  await after.stop();
  expect(isAlive(before.pid)).toBe(false);
  expect(await queryOnce(fresh.url, "select 1 as x")).toEqual([{ x: 1 }]);
  await fresh.stop();
  const last = await start(to);
  expect(await names(last)).toEqual([{ name: "kept" }]);
  await last.stop();
});

test("another path to the same folder finds the same server", async (context) => {
  const real = await home("real");
  const server = await start(real);
  const link = join(root, "link");
  await symlink(real, link);
  expect(await start(link)).toMatchObject({ adopted: true, pid: server.pid });
  if (!isRoot) return;
  const mounted = join(root, "mounted");
  await run("mkdir", [mounted]);
  const mount = await run("mount", ["--bind", real, mounted]).catch(() => undefined);
  if (!mount) return context.skip("this machine does not let us mount");
  try {
    expect(await start(mounted)).toMatchObject({ adopted: true, pid: server.pid });
  } finally {
    await run("umount", [mounted]);
  }
});

test("a copy whose files are the original's own is refused, and the original goes on", async () => {
  const [a, b] = [await home("linked-a"), place("linked-b")];
  const original = await start(a);
  const lock = await readFile(join(a, "postgres/postmaster.pid"), "utf8");
  await run("cp", ["-al", a, b]);
  await expect(start(b)).rejects.toMatchObject({ reason: "DATA_FOLDER_SHARED" });
  expect(await readFile(join(a, "postgres/postmaster.pid"), "utf8")).toBe(lock);
  expect(await queryOnce(original.url, "select 1 as x")).toEqual([{ x: 1 }]);
});

test("a process id that now belongs to another program is no server", async () => {
  const folder = await home("reused");
  const dir = join(folder, "postgres");
  const server = await start(folder);
  const lock = await readFile(join(dir, "postmaster.pid"), "utf8");
  await server.stop();
  const stranger = spawn("sleep", ["60"], { cwd: dir });
  await writeFile(join(dir, "postmaster.pid"), lock.replace(/^\d+/, String(stranger.pid)));
  const again = await start(folder);
  expect(again.adopted).toBe(false);
  await again.stop();
  expect(isAlive(stranger.pid!)).toBe(true);
  stranger.kill();
});

test("a server in another container, whose process is not seen, keeps its folder", async () => {
  const folder = await home("elsewhere");
  const server = await start(folder);
  const lockFile = join(folder, "postgres/postmaster.pid");
  const lock = await readFile(lockFile, "utf8");
  await writeFile(lockFile, lock.replace(/^\d+/, "4000000"));
  await expect(start(folder)).rejects.toMatchObject({ reason: "DATA_IN_USE" });
  expect(await queryOnce(server.url, "select 1 as x")).toEqual([{ x: 1 }]);
  await writeFile(lockFile, lock);
});
