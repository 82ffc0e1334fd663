import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { scenario } from "./harness/scenario.ts";
import { until, within } from "./harness/within.ts";

const server = scenario("all");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-profile-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function profile(...args: string[]): Promise<{ code: number | null; output: string }> {
  const program = startProgram(["profile", ...args], {
    DOUYA_DATA: server.deployment.dataDir,
    DOUYA_PORT: new URL(server.origin).port,
  });
  const { code } = await within(program.ended, () => "douya profile does not end");
  expect(program.output()).not.toMatch(/^ +at .*:\d+/m);
  return { code, output: program.output() };
}

test("a running process tells what it does with its time and its memory", async () => {
  const [cpu, heap] = [join(folder, "a.cpuprofile"), join(folder, "a.heapprofile")];
  const address = new URL(server.origin).host;
  expect(await profile("--cpu", "--seconds=1", `--to=${cpu}`)).toMatchObject({ code: 0 });
  expect(await profile(`--target=${address}`, "--heap", "--seconds=1", `--to=${heap}`)).toMatchObject({
    code: 0,
  });
  const read = async (file: string) => JSON.parse(await readFile(file, "utf8"));
  const { nodes, samples, startTime, endTime } = await read(cpu);
  expect(nodes.length).toBeGreaterThan(1);
  expect(samples.length).toBeGreaterThan(10);
  expect(endTime - startTime).toBeGreaterThan(900_000);
  expect(await read(heap)).toMatchObject({ head: { callFrame: { functionName: "(root)" } } });
  expect(await profile("--cpu", `--to=${cpu}`)).toMatchObject({
    code: 1,
    output: expect.stringContaining("is there already"),
  });
});

test("one at a time, by operators alone; it ends with whoever asked", async () => {
  const path = `${server.origin}/debug/profile?kind=cpu&seconds=`;
  const secret = await readFile(join(server.deployment.dataDir, "cluster-secret"), "utf8");
  const token = await createServiceTokens(secret.trim()).issue("operator", "profile");
  const elsewhere = await createServiceTokens(secret.trim()).issue("feed", "video");
  const foreign = await createServiceTokens("another secret of 32 bytes, at least").issue(
    "operator",
    "profile",
  );
  for (const other of [undefined, "x", elsewhere, foreign])
    expect((await send("POST", `${path}1`, other === undefined ? {} : { token: other })).status).toBe(404);
  for (const seconds of ["0", "61", "x"])
    expect((await send("POST", path + seconds, { token })).status, seconds).toBe(400);

  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${token}` };
  const first = fetch(`${path}60`, { method: "POST", headers, signal: leaving.signal });
  await server.deployment.programs()[0]!.printed(/"seconds":60,.*an operator profiles/);
  expect((await send("POST", `${path}1`, { token })).text).toContain("PROFILE_RUNNING");
  const second = await profile("--seconds=1", `--to=${join(folder, "b.cpuprofile")}`);
  expect(second).toMatchObject({ code: 1, output: expect.stringContaining("PROFILE_RUNNING") });
  leaving.abort();
  await expect(first).rejects.toThrow();
  await until("the next can begin", async () => (await send("POST", `${path}1`, { token })).status === 200);
});
