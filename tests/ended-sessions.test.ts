import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRedis } from "#platform/testing/private-redis.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { send } from "./harness/http-client.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** Two gateways: people are at home at the first, and known at the second too. */
function twoGateways(env: () => Record<string, string> | undefined) {
  let deployment: Deployment;
  let second: string;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    const given = env();
    if (!given) return;
    deployment = await deploy("split", { env: given });
    second = await deployment.another("gateway");
  });
  afterAll(async () => {
    await deployment?.remove();
  });
  const ready = async () => (await send("GET", `${second}/readyz`)).text;
  const atSecond = async (person: Person) =>
    (
      await send("GET", `${second}/api/v1/me`, {
        headers: { authorization: `Bearer ${person.session.accessToken}` },
      })
    ).status;
  /** Somebody who uses the second gateway all the time, until it refuses them after `act`. */
  async function isFeltAfter(person: Person, act: () => Promise<{ status: number }>): Promise<void> {
    expect(await atSecond(person)).toBe(200);
    expect((await act()).status).toBeLessThan(300);
    await until("the second gateway feels it", async () => (await atSecond(person)) === 401);
  }
  return { server, ready, atSecond, isFeltAfter };
}

function endings({ server, atSecond, isFeltAfter }: ReturnType<typeof twoGateways>): void {
  test("a logout, an end of a device, of all devices, another password and a deletion are felt everywhere", async () => {
    const ada = await server.register();
    await isFeltAfter(ada, () => ada.delete("/sessions/current"));
    const [phone, desk] = [
      await server.logIn(ada.username, ada.password),
      await server.logIn(ada.username, ada.password),
    ];
    await isFeltAfter(phone, async () => {
      const { body } = await phone.get<{ items: { id: string; current: boolean }[] }>("/sessions");
      return desk.delete(`/sessions/${body.items.find(({ current }) => current)!.id}`);
    });
    expect(await atSecond(desk)).toBe(200);
    const other = await server.logIn(ada.username, ada.password);
    await isFeltAfter(other, () =>
      desk.put("/me/password", {
        json: { currentPassword: ada.password, newPassword: "another horse battery" },
      }),
    );
    expect(await atSecond(desk)).toBe(200);
    await isFeltAfter(desk, () => desk.delete("/sessions"));
    const last = await server.logIn(ada.username, "another horse battery");
    await isFeltAfter(last, () => last.delete("/me", { json: { password: "another horse battery" } }));
  });
}

describe("two gateways without a shared memory", () => {
  endings(twoGateways(() => ({})));
});

describe("two gateways with Redis", () => {
  const redis = withRedis();
  const gateways = twoGateways(() => redis() && { DOUYA_REDIS_URL: redis().url });
  endings(gateways);

  test("feel them also while it hangs, is gone or was flushed, and say so", async () => {
    const { server, isFeltAfter, ready } = gateways;
    const [process] = redis().processes;
    const [ada, ben, cem] = [await server.register(), await server.register(), await server.register()];
    await process!.ask("FLUSHALL");
    await isFeltAfter(ada, () => ada.delete("/sessions"));
    process!.signal("SIGSTOP");
    await isFeltAfter(ben, () => ben.delete("/sessions"));
    process!.signal("SIGCONT");
    await process!.kill();
    await isFeltAfter(cem, () => cem.delete("/sessions"));
    await until("the notice", async () => (await ready()).includes("MEMORY_UNREACHABLE"));
    await process!.restart();
    await until("its end", async () => !(await ready()).includes("MEMORY_UNREACHABLE"));
  });
});
