import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRedis } from "#platform/testing/private-redis.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body } from "./harness/http-client.ts";
import { befriendTold, connectDevice } from "./harness/realtime-device.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("two gateways that share a Redis", () => {
  const redis = withRedis();
  let deployment: Deployment;
  let second: string;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    if (!redis()) return;
    deployment = await deploy("split", { env: { DOUYA_REDIS_URL: redis().url } });
    second = await deployment.another("gateway");
  });
  afterAll(async () => {
    await deployment?.remove();
  });

  async function friends() {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    await befriendTold(ada, ben);
    return [ada, ben] as const;
  }
  async function apart() {
    const [ada, ben] = await friends();
    const hers = await connectDevice(deployment.origin, ada);
    hers.tell({ type: "subscribe", people: [ben.id] });
    return { ada, ben, hers, his: await connectDevice(second, ben) };
  }
  const hide = async (person: Person, hidden: boolean) =>
    body(await person.put("/me/presence", { json: { hidden } }), 204);

  test("people see each other, and who is writing, wherever they are connected", async () => {
    const { ada, ben, hers, his } = await apart();
    await until("he is here", () => hers.presence(ben.id)?.online);
    his.tell({ type: "typing", conversationId: ada.id });
    expect(await hers.frame("typing")).toMatchObject({ conversationId: ben.id, userId: ben.id });
    const second = await connectDevice(deployment.origin, ben);
    his.socket.close();
    await hers.heard();
    second.socket.close();
    await until("he is gone", () => hers.presence(ben.id)?.online === false);
    expect(hers.of("presence")).toHaveLength(2);
  });

  test("who hides is hidden at the other gateway", async () => {
    const { ben, hers } = await apart();
    await until("he is here", () => hers.presence(ben.id)?.online);
    // Said at the gateway to which he is not connected.
    await hide(ben, true);
    await until("he is not", () => hers.presence(ben.id)?.online === false);
    expect(hers.presence(ben.id)!.lastSeenAt).toBeNull();
  });

  test("while Redis is away, each gateway knows its own people", async () => {
    const [ada, ben] = await friends();
    await redis().processes[0]!.kill();
    const hers = await connectDevice(deployment.origin, ada);
    hers.tell({ type: "subscribe", people: [ben.id] });
    await connectDevice(deployment.origin, ben);
    await until("he is here", () => hers.presence(ben.id)?.online);
    await redis().processes[0]!.restart();
  });
});
