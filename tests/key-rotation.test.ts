import { setTimeout as delay } from "node:timers/promises";
import { decodeProtectedHeader } from "jose";
import pg from "pg";
import { expect, test } from "vitest";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { KV } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { rangeOf } from "#platform/registry/etcd/keys.ts";
import { withEtcd } from "#platform/testing/private-etcd.ts";
import { deploy } from "./harness/deployment.ts";
import { send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const etcd = withEtcd();
/** Of whoever asks all the time: the rotation takes half a minute, and needs a processor too. */
const pauseMs = 20;

test("another key signs while two gateways answer, and etcd loses all keys: nobody is logged out", async () => {
  const env = { DOUYA_SERVICES: "", DOUYA_ETCD_URL: etcd().url };
  const deployment = await deploy("split", { env });
  const database = new pg.Client({ connectionString: deployment.databaseUrl });
  const client = connectEtcd(etcd().url);
  let stopped = false;
  try {
    await database.connect();
    const origins = [deployment.origin, await deployment.another("gateway")];
    const server = scenarioOf(() => deployment);
    const tokens: string[] = [];
    const ada = await until("every module", () => server.register().catch(() => undefined));
    const logIn = async (origin: string) => {
      const json = { username: ada.username, password: ada.password };
      const { status, body } = await send<{ accessToken: string }>("POST", `${origin}/api/v1/sessions`, {
        json,
      });
      if (status >= 300) throw new Error(`log in: ${status}`);
      tokens.push(body.accessToken);
      return decodeProtectedHeader(body.accessToken).kid;
    };
    const first = await logIn(origins[0]!);
    const refused: string[] = [];
    /** Old and new tokens alike, through both. */
    const asking = (async () => {
      for (let i = 0; !stopped; i++) {
        for (const origin of origins) {
          const token = tokens[i % tokens.length];
          const { status, text } = await send("GET", `${origin}/api/v1/me`, { token });
          if (status !== 200) refused.push(`${status} ${text}`);
        }
        await delay(pauseMs);
      }
    })();
    const rotation = startProgram(["keys", "rotate"], {
      DOUYA_DATABASE_URL: deployment.databaseUrl,
      DOUYA_DATA: deployment.dataDir,
    });
    await rotation.ended;
    expect(rotation.output()).toContain("publishes it");
    const published = async () =>
      (await client.call(KV.method.range, rangeOf("/douya/keys/user/"))).kvs.length;
    await until("both published", async () => (await published()) === 2);
    expect(await logIn(origins[1]!)).toBe(first);
    await database.query(`update "user".signing_key set signs_from = now()`);
    // Seldom, since whoever logs in on too many devices is logged out on the oldest.
    await until("another one signs", async () => (await logIn(origins[0]!)) !== first, 1_000);
    await client.call(KV.method.deleteRange, rangeOf("/douya/keys/"));
    for (const origin of origins) await logIn(origin);
    await until("both published again", async () => (await published()) === 2);
    stopped = true;
    await asking;
    expect(refused).toEqual([]);
  } finally {
    stopped = true;
    client.close();
    await database.end();
    await deployment.remove();
  }
});
