import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import type { ClusterProcess } from "../cluster-record.ts";
import { type PostgresPair, startPostgresPair } from "./postgres-pair.ts";

let dir: string;
let ports: [number, number];
let pair: PostgresPair;
let processes: ClusterProcess[] = [];
let said: string[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), `douya-test-${process.pid}-`));
  said = [];
  ports = (await freePorts(2)) as [number, number];
  pair = await startPostgresPair({
    dir,
    ports,
    log: createLog("silent"),
    changed: (now) => {
      processes = now;
    },
    say: (sentence) => said.push(sentence),
  });
});
afterEach(async () => {
  await pair?.stop();
  await rm(dir, { recursive: true, force: true });
});

const find = (role: string) => processes.find((one) => one.role === role)!;
const isWritable = (i: number) =>
  queryOnce(pair.urls[i]!, "create table if not exists written ()").then(
    () => true,
    () => false,
  );

test("a promotion that fails is tried again until the replica is the primary", async () => {
  const [primary, replica] = [find("postgres-primary"), find("postgres-replica")];
  // It is there, and takes no connection while it is asked to take over.
  process.kill(replica.pid, "SIGSTOP");
  process.kill(primary.pid, "SIGKILL");
  await expect.poll(() => find("postgres-primary")?.name).toBe("postgres-2");
  // This waits for longer than the pair does.
  await expect(queryOnce(pair.urls[1]!, "select 1")).rejects.toThrow();
  process.kill(replica.pid, "SIGCONT");
  await expect.poll(() => isWritable(1)).toBe(true);
  await expect.poll(() => find("postgres-replica")?.name).toBe("postgres-1");
});

test("what keeps a server from starting is said, once, until it is mended", async () => {
  const [primary, replica] = [find("postgres-primary"), find("postgres-replica")];
  // Both, since a replica that takes a while to die is chosen before it is seen to be dead.
  const files = [1, 2].map((n) => join(dir, `postgres-${n}`, "postgres", "PG_VERSION"));
  const right = await readFile(files[0]!);
  for (const file of files) writeFileSync(file, "9.6\n");
  for (const { pid } of [replica, primary]) process.kill(pid, "SIGKILL");
  const causes = () => said.filter((sentence) => sentence.includes("tried again: "));
  const ofVersion = () => causes().filter((sentence) => sentence.includes("9.6"));
  await expect.poll(ofVersion).toHaveLength(1);
  for (const file of files) writeFileSync(file, right);
  await expect.poll(async () => (await isWritable(0)) || (await isWritable(1))).toBe(true);
  expect(new Set(causes()).size).toBe(causes().length);
  expect(ofVersion()).toHaveLength(1);
});
