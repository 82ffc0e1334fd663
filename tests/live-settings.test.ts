import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { KV } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { bytesOf } from "#platform/registry/etcd/keys.ts";
import { withEtcd } from "#platform/testing/private-etcd.ts";
import { deploy } from "./harness/deployment.ts";
import { startProgram } from "./harness/program.ts";
import { until } from "./harness/within.ts";

const etcd = withEtcd();

async function settings(words: string[], env: Record<string, string>): Promise<string> {
  const program = startProgram(["settings", ...words], env);
  await program.ended;
  return program.output();
}

test("a setting is changed for processes that run, and a bad value in etcd is named and not used", async () => {
  const env = { DOUYA_ETCD_URL: etcd().url, DOUYA_ETCD_PREFIX: "/another/" };
  const deployment = await deploy("all", { env: { ...env, DOUYA_LOG_LEVEL: "warn" } });
  const readyz = async () => (await fetch(`${deployment.origin}/readyz`)).text();
  const logged = () => deployment.programOf("user").output().includes("a setting has changed");
  try {
    expect(await settings(["list"], env)).toContain("DOUYA_LOG_LEVEL=warn   (default)");
    expect(await settings(["set", "DOUYA_LOG_LEVEL", "debug"], env)).toContain("for every process");
    await until("lines of that level", async () => (await readyz()) && logged());
    expect(await settings(["get", "DOUYA_LOG_LEVEL"], env)).toContain("=debug   (set for every process");

    expect(await settings(["set", "DOUYA_LOG_LEVEL", "loud"], env)).toContain("must be a log level");
    expect(await settings(["get", "DOUYA_LOG_LEVEL"], env)).toContain("=debug   (set for every process");
    expect(await settings(["set", "DOUYA_PORT", "80"], env)).toContain("DOUYA_LOG_LEVEL");

    const client = connectEtcd(etcd().url);
    const key = bytesOf("/another/settings/DOUYA_LOG_LEVEL");
    await client.call(KV.method.put, { key, value: bytesOf("loud") });
    client.close();
    await until("the notice", async () => (await readyz()).includes("DOUYA_LOG_LEVEL must be a log level"));
    expect(await settings(["list"], env)).toContain("MEND: loud was set and is not used");
    expect(await settings(["unset", "DOUYA_LOG_LEVEL"], env)).toContain("started with");
    await until("its end", async () => !(await readyz()).includes("SETTING_INVALID"));
  } finally {
    await deployment.remove();
  }
});

test("without etcd, the settings of a data folder change for the process that runs on it", async () => {
  const deployment = await deploy("all", { env: { DOUYA_LIMITS: "on" } });
  const env = { DOUYA_DATA: deployment.dataDir };
  const hot = () => fetch(`${deployment.origin}/api/v1/hot-users`);
  try {
    expect((await hot()).status).toBe(200);
    expect(await settings(["set", "DOUYA_SWITCHED_OFF", "hot-users, everything"], env)).toContain(
      "must be of",
    );
    expect((await hot()).status).toBe(200);
    expect(await settings(["set", "DOUYA_SWITCHED_OFF", "hot-users"], env)).toContain("every process on");
    await until("it is off", async () => (await hot()).status === 503);
    const refused = await hot();
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ reason: "SWITCHED_OFF" });
    expect((await fetch(`${deployment.origin}/api/v1/feed`)).status).toBe(200);

    const file = join(deployment.dataDir, "settings");
    // Replaced: one that is read while it is empty would switch nothing off.
    await writeFile(`${file}.next`, "DOUYA_SWITCHED_OFF=nonsense\n");
    await rename(`${file}.next`, file);
    const readyz = async () => (await fetch(`${deployment.origin}/readyz`)).text();
    await until("the notice", async () => (await readyz()).includes("DOUYA_SWITCHED_OFF must be of"));
    expect((await hot()).status).toBe(503);
    expect(await settings(["list"], env)).toContain("MEND: nonsense was set and is not used");
    expect(await settings(["unset", "DOUYA_SWITCHED_OFF"], env)).toContain("started with");
    await until("it is back", async () => (await hot()).status === 200);
  } finally {
    await deployment.remove();
  }
});

test("a limit gets another rate while it counts", async () => {
  const deployment = await deploy("all", { env: { DOUYA_LIMITS: "on" } });
  const env = { DOUYA_DATA: deployment.dataDir };
  const renew = async () =>
    (await fetch(`${deployment.origin}/api/v1/sessions/refresh`, { method: "POST" })).status;
  try {
    expect(await settings(["set", "DOUYA_LIMIT_RATES", "dreams=1/1"], env)).toContain("there are comments");
    await settings(["set", "DOUYA_LIMIT_RATES", "renewals=1/1"], env);
    await until("a renewal too many", async () => (await renew()) === 429);
    await settings(["unset", "DOUYA_LIMIT_RATES"], env);
    await until("the usual rate", async () => (await renew()) !== 429);
  } finally {
    await deployment.remove();
  }
});
