import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
// @ts-expect-error plain JavaScript, since it runs before anything is installed
import { root, takeAway } from "../scripts/prepare.mjs";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-prepare-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs a script in a separate process; returns its process id once it has ended. */
async function run(script: string): Promise<number> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  return child.pid!;
}

it("many starts over the lock of a dead one run one at a time", async () => {
  const dead = await run("");
  const name = `test-${process.pid}`;
  const trace = join(folder, "trace");
  await symlink(String(dead), join(root, "build", `${name}.owner`));
  const script = `
    import { appendFileSync } from "node:fs";
    import { setTimeout as delay } from "node:timers/promises";
    import { alone } from ${JSON.stringify(join(root, "scripts/prepare.mjs"))};
    await alone(${JSON.stringify(name)}, async () => {
      appendFileSync(${JSON.stringify(trace)}, "<");
      await delay(30);
      appendFileSync(${JSON.stringify(trace)}, ">");
    });`;
  await Promise.all(Array.from({ length: 5 }, () => run(script)));
  expect(await readFile(trace, "utf8")).toBe("<>".repeat(5));
  expect((await readdir(join(root, "build"))).filter((file) => file.startsWith(name))).toEqual([]);
});

it("a start that saw a dead owner does not remove the lock of its successor", async () => {
  const dead = await run("");
  const lock = join(folder, "lock");
  await symlink(String(process.pid), lock);
  takeAway(lock, dead);
  expect(await readlink(lock)).toBe(String(process.pid));
  await rm(lock);
  await symlink(String(dead), lock);
  takeAway(lock, dead);
  expect(await readdir(folder)).toEqual([]);
});
