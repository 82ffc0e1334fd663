import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { KV } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { rangeOf } from "#platform/registry/etcd/keys.ts";
import { withEtcd } from "#platform/testing/private-etcd.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body } from "./harness/http-client.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("processes that find each other through etcd", () => {
  const etcd = withEtcd();
  let deployment: Deployment;
  let ada: Person;
  let ben: Person;
  const server = scenarioOf(() => deployment);

  beforeAll(async () => {
    if (!etcd()) return;
    deployment = await deploy("split", { env: { DOUYA_SERVICES: "", DOUYA_ETCD_URL: etcd().url } });
    ada = await until("every module", () => server.register().catch(() => undefined));
    ben = await server.register();
  });
  afterAll(async () => {
    await deployment?.remove();
  });

  const ready = async () => (await (await fetch(`${deployment.origin}/readyz`)).json()) as object;
  async function instancesOf(module: string): Promise<number> {
    const client = connectEtcd(etcd().url);
    const { kvs } = await client.call(KV.method.range, rangeOf(`/douya/services/${module}/`));
    client.close();
    return kvs.length;
  }
  const follows = async () => (await ada.put(`/users/${ben.id}/follow`)).status;
  /** Asks again and again until it is told to stop; gives what was not answered. */
  function keepAsking() {
    const refused: string[] = [];
    let stopped = false;
    const asking = (async () => {
      while (!stopped) {
        const { status, text } = await ada.get(`/users/${ben.id}`);
        if (status !== 200) refused.push(text);
      }
    })();
    return async () => {
      stopped = true;
      await asking;
      return refused;
    };
  }

  test("serve all that is asked, without a list of services", async () => {
    expect(await follows()).toBe(204);
    expect(
      body(await ben.get<{ items: { id: string }[] }>(`/users/${ben.id}/followers`)).items,
    ).toMatchObject([{ id: ada.id }]);
    expect(await ready()).toMatchObject({ ready: true });
  });

  test("one more instance is found, and takes over at once when the other stops", async () => {
    await deployment.another("user");
    await until("both in etcd", async () => (await instancesOf("user")) === 2);
    const asked = keepAsking();
    await deployment.programOf("user").stop();
    expect(await instancesOf("user")).toBe(1);
    await deployment.restart("user");
    await until("both again", async () => (await instancesOf("user")) === 2);
    expect(await asked()).toEqual([]);
  });

  test("go on while etcd is away, say so, and find what is new once it is back", async () => {
    await etcd().kill();
    expect(await follows()).toBe(204);
    await until("the notice", async () => JSON.stringify(await ready()).includes("REGISTRY_UNREACHABLE"));
    expect(await ready()).toMatchObject({ ready: true });
    await etcd().restart();
    await until("its end", async () => !JSON.stringify(await ready()).includes("REGISTRY_UNREACHABLE"));
    expect(await follows()).toBe(204);
  });
});
