import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { withEtcd } from "#platform/testing/private-etcd.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { startProgram } from "./harness/program.ts";
import { within } from "./harness/within.ts";

let folder: string;
let database: TestDatabase;
let other: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-misuse-"));
  [database, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
afterAll(async () => {
  await Promise.all([database.drop(), other.drop()]);
  await rm(folder, { recursive: true, force: true });
});

/** Starts a process of the module `user`. */
async function start(env: Record<string, string>) {
  const [port, rpcPort] = await freePorts(2);
  return startProgram(["serve", "--target=user"], {
    DOUYA_DATA: folder,
    DOUYA_DATABASE_URL: database.url,
    DOUYA_PORT: String(port),
    DOUYA_RPC_PORT: String(rpcPort),
    ...env,
  });
}

/** What a process says that does not start; it must be no stack. */
async function refusalOf(env: Record<string, string>): Promise<string> {
  const program = await start(env);
  const { code } = await within(program.ended, () => "it starts").finally(() => program.kill());
  expect(code).toBe(1);
  expect(program.output()).not.toMatch(/^ +at .*:\d+/m);
  return program.output();
}

describe("calls between processes", () => {
  test("do not leave the machine unencrypted, unless somebody says so", async () => {
    expect(await refusalOf({ DOUYA_RPC_HOST: "0.0.0.0" })).toContain("DOUYA_RPC_PLAINTEXT=allowed");
    const program = await start({ DOUYA_RPC_HOST: "0.0.0.0", DOUYA_RPC_PLAINTEXT: "allowed" });
    await program.printed(/Stop {5}Ctrl-C/).finally(() => program.stop());
  });

  test("are not half encrypted", async () => {
    expect(await refusalOf({ DOUYA_TLS_CERT: "/a.pem" })).toContain("belong together");
    const files = { DOUYA_TLS_CERT: "/a.pem", DOUYA_TLS_KEY: "/a.key", DOUYA_TLS_CA: "/ca.pem" };
    expect(await refusalOf(files)).toMatch(/\/(a|ca)\.(pem|key) cannot be read/);
  });
});

test.each([
  [
    "is not there",
    "postgres://douya:secret@127.0.0.1:1/douya",
    /PostgreSQL at 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/,
  ],
  [
    "has no such database",
    undefined,
    /PostgreSQL at \S+:\d+ cannot be used: database "nowhere" does not exist/,
  ],
])("a PostgreSQL that %s is named, and never its password", async (_what, given, said) => {
  const url = given ?? database.url.replace(/\/[^/?]+(?=\?|$)/, "/nowhere");
  const output = await refusalOf({ DOUYA_DATABASE_URL: url });
  expect(output).toMatch(said);
  expect(output).toContain("DOUYA_DATABASE_URL");
  expect(output).not.toContain("secret");
});

test("an engine that takes connections and is silent keeps no process from starting, nor from ending", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  try {
    const program = await start({
      DOUYA_ETCD_URL: `https://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    });
    await program.printed(/Stop {5}Ctrl-C/);
    // The log comes by a way of its own, and so do connections.
    await program.printed(/look at DOUYA_ETCD_URL/);
    await expect.poll(() => sockets.size).toBeGreaterThan(0);
    program.signal("SIGTERM");
    expect(await within(program.ended, () => "it does not end").finally(() => program.kill())).toEqual({
      code: 0,
      signal: null,
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

describe("on one etcd", () => {
  const etcd = withEtcd();

  test("another installation, and a process with another secret, do not start", async () => {
    const env = { DOUYA_ETCD_URL: etcd().url };
    const first = await start(env);
    try {
      await first.printed(/Stop {5}Ctrl-C/);
      expect(await refusalOf({ ...env, DOUYA_DATABASE_URL: other.url })).toContain("DOUYA_ETCD_PREFIX");
      expect(await refusalOf({ ...env, DOUYA_CLUSTER_SECRET: "another secret of thirty-two bytes" })).toMatch(
        /process at 127\.0\.0\.1:\d+ has another cluster secret/,
      );
      const apart = { ...env, DOUYA_DATABASE_URL: other.url, DOUYA_ETCD_PREFIX: "/douya-2/" };
      const second = await start(apart);
      await second.printed(/Stop {5}Ctrl-C/).finally(() => second.stop());
    } finally {
      await first.stop();
    }
  });
});
