import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "./harness/within.ts";

/** Starts a database, the program and, if there is one, a browser. */
const file = "tests/browser-lost.test.ts";

describe.runIf(process.platform === "linux")("npm test that is interrupted leaves nothing", () => {
  let folder: string;
  let npm: ChildProcess;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-interrupted-"));
    const { PATH = "", HOME = "" } = process.env;
    npm = spawn("npm", ["test", file], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      env: { PATH, HOME, TMPDIR: folder },
      stdio: "ignore",
      detached: true,
    });
  });
  afterEach(async () => {
    await until("all have ended", async () => (await processes()).length === 0);
    await rm(folder, { recursive: true, force: true });
  });

  /** All processes of this run; `database` is the folder of its database, which may be elsewhere. */
  async function processes(database = folder): Promise<{ pid: number; command: string }[]> {
    const found: { pid: number; command: string }[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
      const command = (await read("cmdline")).replaceAll("\0", " ");
      const words = `${command} ${await read("environ")}`;
      // A zombie has no command line.
      if (command && (words.includes(folder) || words.includes(database)))
        found.push({ pid: Number(pid), command });
    }
    return found;
  }
  const runner = async () => (await processes()).find(({ command }) => command.includes("scripts/test.mjs"));

  test.each<[string, () => Promise<void>]>([
    ["by Ctrl-C", async () => void process.kill(-npm.pid!, "SIGINT")],
    ["by a SIGTERM to npm", async () => void process.kill(npm.pid!, "SIGTERM")],
    ["by kill -9", async () => void process.kill((await runner())!.pid, "SIGKILL")],
  ])("%s", async (_how, interrupt) => {
    const ended = once(npm, "exit");
    const database = await until("the server of a test runs", async () => {
      const all = await processes();
      const vitest = all.find(({ command }) => command.includes("--outputFile.json="));
      if (!vitest || !all.some(({ command }) => command.includes("run-built.mjs serve"))) return false;
      const mark = `/douya-test-${vitest.pid}-`;
      const [postgres] = (await processes(mark))
        .flatMap(({ command }) => /-D (\S+)/.exec(command) ?? [])
        .slice(1);
      return postgres;
    });
    await interrupt();
    await ended;
    await expect.poll(async () => (await processes(database)).map(({ command }) => command)).toEqual([]);
    await expect.poll(() => readdir(folder)).toEqual([]);
    await expect.poll(() => existsSync(dirname(database))).toBe(false);
  });
});
