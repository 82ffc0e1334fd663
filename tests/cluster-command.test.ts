import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProgram } from "./harness/program.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "douya-no-cluster-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function run(args: string[], env: Record<string, string> = {}) {
  const program = startProgram(["cluster", ...args], env);
  const { code } = await program.ended;
  return { code, output: program.output().trim() };
}

test("without a cluster, ps and stop say so and how to start one", async () => {
  for (const action of ["ps", "stop"]) {
    const { code, output } = await run([action, "--data", dir]);
    expect(code).toBe(1);
    expect(output).toBe(
      `There is no cluster in ${dir}. Name its folder with --data, or start one: npm run cluster -- --data ${dir}`,
    );
  }
});

test("what is not there is named with what to install, and nothing is started", async () => {
  const { code, output } = await run(["--data", join(dir, "none")], { PATH: dir });
  expect(code).toBe(1);
  // Debian's /usr/sbin is looked into, whether it is on the PATH or not.
  expect(output).toMatch(/A cluster needs etcd, .*apt-get install etcd-server .*brew install etcd /);
});

test.each([
  ["--port", "0"],
  ["--port", "web"],
  ["--port", "65536"],
  ["restart"],
  ["ps", "twice"],
])("%s %s is refused with what may be said", async (...args) => {
  const { code, output } = await run([...args, "--data", dir]);
  expect(code).toBe(1);
  expect(output).toContain("npm run cluster -- --data FOLDER --port NUMBER");
});
