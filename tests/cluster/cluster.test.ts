import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runningProcesses } from "#apps/server/cluster/cluster-record.ts";
import { modulesOf } from "#apps/server/targets.ts";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { type ClusterDeployment, everydayCluster } from "../harness/cluster.ts";
import { body, type Schemas } from "../harness/http-client.ts";
import { startProgram } from "../harness/program.ts";
import { type Person, scenarioOf } from "../harness/scenario.ts";
import { until } from "../harness/within.ts";

let cluster: ClusterDeployment;
let ada: Person;
let ben: Person;
const server = scenarioOf(() => cluster);

beforeAll(async () => {
  cluster = await everydayCluster();
  await cluster.whole();
  [ada, ben] = [await server.register(), await server.register()];
});
// The last file that has it.
afterAll(() => cluster?.remove());

const follows = async () => (await ada.put(`/users/${ben.id}/follow`)).status;
const followers = async () =>
  body(await ben.get<{ items: Schemas["User"][] }>(`/users/${ben.id}/followers`)).items.map(({ id }) => id);

test("runs three of what needs a majority, two of each module, a primary and a replica, each at its address", async () => {
  const { stdout } = await ps("--json");
  const processes: { name: string; role: string; pid: number; address: string }[] = JSON.parse(stdout);
  const counts = new Map<string, number>();
  for (const { role } of processes) counts.set(role, (counts.get(role) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    ...Object.fromEntries(modulesOf("all").map(({ module }) => [module.name, 2])),
    etcd: 3,
    nats: 3,
    redis: 1,
    "postgres-primary": 1,
    "postgres-replica": 1,
    haproxy: 1,
  });
  expect(processes.filter(({ pid }) => !isAlive(pid))).toEqual([]);
  expect(processes.filter(({ address }) => !/^127\.0\.0\.1:\d+$/.test(address))).toEqual([]);
  expect(new Set(processes.map(({ address }) => address)).size).toBe(processes.length);
  const table = (await ps()).stdout.split("\n");
  expect(table[0]).toMatch(/^NAME +ROLE +PID +ADDRESS$/);
  for (const { name, pid } of processes)
    expect(table.some((line) => line.startsWith(`${name} `) && line.includes(` ${pid} `))).toBe(true);
});

test("a commit is on the replica's disk before it is acknowledged", async () => {
  const replicas = async () =>
    queryOnce(
      await primaryUrl(),
      "select sync_state, current_setting('synchronous_commit') as commits from pg_stat_replication",
    );
  // Once it has caught up: a test before may have restarted everything.
  await expect.poll(replicas).toEqual([{ sync_state: "quorum", commits: "on" }]);
});

test("every process that dies comes again, and meanwhile the others answer", async () => {
  expect(await follows()).toBe(204);
  for (const name of ["user-1", "relation-2", "etcd-1", "nats-1", "redis"]) {
    await cluster.kill(name);
    // The call that was under way may be lost with it.
    await until("an answer", async () => (await followers()).includes(ada.id));
  }
  await cluster.whole();
});

test("the proxy passes over a gateway that is gone, and nobody notices", async () => {
  const { pid } = cluster.find("gateway-1")!;
  await cluster.kill("gateway-1");
  for (let asked = 0; asked < 20; asked++) expect((await ada.get("/me")).status).toBe(200);
  await until("another one", () => (cluster.find("gateway-1")?.pid ?? pid) !== pid);
});

test("when the primary is killed, the replica takes over with all of it, and the old one follows", async () => {
  const old = cluster.find("postgres-primary")!;
  const chloe = await server.register();
  expect((await chloe.put(`/users/${ben.id}/follow`)).status).toBe(204);
  await cluster.kill("postgres-primary");
  await until("another primary", () => (cluster.find("postgres-primary")?.name ?? old.name) !== old.name);
  await until("the feed of facts", async () => (await followers()).includes(chloe.id));
  const dave = await until("a write", () => server.register().catch(() => undefined));
  // Each process finds the new one by itself.
  await until("a follow", async () => (await dave.put(`/users/${ben.id}/follow`)).status === 204);
  await mayTakeOver(old.name);
});

test("a primary that answers nothing is ended before its replica takes over", async () => {
  const old = cluster.find("postgres-primary")!;
  await mayTakeOver(cluster.find("postgres-replica")!.name);
  process.kill(old.pid, "SIGSTOP");
  await until("another primary", () => (cluster.find("postgres-primary")?.name ?? old.name) !== old.name);
  expect(isAlive(old.pid)).toBe(false);
  await until("a write", async () => (await follows()) === 204);
});

test("kill -9 of everything that looks after it leaves nothing that the next start does not find", async () => {
  await cluster.whole();
  const before = cluster.processes();
  await cluster.supervisor.kill();
  expect(runningProcesses(cluster.dir).length).toBe(before.length);
  await cluster.startAgain();
  expect(before.filter(({ pid }) => isAlive(pid))).toEqual([]);
  const again = await server.logIn(ada.username, ada.password);
  expect(again.id).toBe(ada.id);
  expect(await followers()).toContain(ada.id);
});

test("a second start in the same folder is refused, and says how to stop the first", async () => {
  const second = startProgram(["cluster", "--data", cluster.dir, "--port", "1"], {});
  expect((await second.ended).code).toBe(1);
  expect(second.output()).toContain(`npx douya cluster stop --data ${cluster.dir}`);
  expect((await ada.get("/me")).status).toBe(200);
});

test("stopped from elsewhere, it leaves no process", async () => {
  const processes = cluster.processes();
  const stopping = startProgram(["cluster", "stop", "--data", cluster.dir], {});
  expect((await stopping.ended).code).toBe(0);
  expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  expect(cluster.supervisor.output()).toContain("Stopped. Everything is saved.");
  expect((await ps()).stdout.trim()).toBe(`The cluster in ${cluster.dir} is stopped.`);
  expect(JSON.parse((await ps("--json")).stdout)).toEqual([]);
  expect(existsSync(join(cluster.dir, "logs", "gateway-1.log"))).toBe(true);
});

test("Ctrl-C while it starts leaves no process", async () => {
  const dir = join(cluster.dir, "another");
  const starting = startProgram(["cluster", "--data", dir, "--port", new URL(cluster.origin).port], {});
  await starting.printed(/the engines serve/);
  // Before the signal, since it may have ended some right after.
  const started = runningProcesses(dir);
  starting.signal("SIGINT");
  expect((await starting.ended).code).toBe(0);
  expect(started.length).toBeGreaterThan(8);
  expect(runningProcesses(dir)).toEqual([]);
  expect(started.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

async function ps(...options: string[]) {
  const program = startProgram(["cluster", "ps", "--data", cluster.dir, ...options], {});
  expect((await program.ended).code).toBe(0);
  return { stdout: program.answer() };
}

/** It takes over only once the pair has written down that it has every commit: PostgreSQL says so a little earlier. */
async function mayTakeOver(name: string): Promise<void> {
  const file = join(cluster.dir, "engines", "postgres.json");
  await until("a replica with every commit", async () => {
    const isReplica = cluster.find(name)?.role === "postgres-replica";
    return isReplica && JSON.parse(await readFile(file, "utf8")).synchronous;
  });
}

async function primaryUrl(): Promise<string> {
  const { address } = cluster.find("postgres-primary")!;
  return cluster.databaseUrl.replace(/@[^/]*\//, `@${address}/`);
}
