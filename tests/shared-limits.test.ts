import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRedis } from "#platform/testing/private-redis.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";

describe("two gateways that share a Redis", () => {
  const redis = withRedis();
  let deployment: Deployment;
  let second: string;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    if (!redis()) return;
    deployment = await deploy("split", { env: { DOUYA_REDIS_URL: redis().url, DOUYA_LIMITS: "on" } });
    second = await deployment.another("gateway");
  });
  afterAll(async () => {
    await deployment?.remove();
  });

  /** How many of so many removals of a picture are let in. */
  async function letIn(origin: string, person: Person, times: number): Promise<number> {
    let count = 0;
    for (let i = 0; i < times; i++) {
      const { status } = await send("DELETE", `${origin}/api/v1/me/avatar`, {
        headers: { authorization: `Bearer ${person.session.accessToken}` },
      });
      expect([200, 204, 429]).toContain(status);
      if (status !== 429) count++;
    }
    return count;
  }

  test("count together: what was used up at one is used up at the other", async () => {
    const first: number[] = [];
    const later: number[] = [];
    // While Redis does not answer within a tenth of a second, each counts alone: then the next person shows it.
    await expect
      .poll(async () => {
        const ada = await server.register();
        first.push(await letIn(deployment.origin, ada, 10));
        later.push(await letIn(second, ada, 15));
        return later.at(-1);
      })
      .toBeLessThan(15);
    expect(new Set(first)).toEqual(new Set([10]));
    // Five are left of fifteen, and five a minute come again.
    expect(Math.min(...later)).toBeGreaterThanOrEqual(5);
  });

  test("go on when it hangs or is gone, and keep limiting", async () => {
    const ben = await server.register();
    redis().processes[0]!.signal("SIGSTOP");
    expect(await letIn(deployment.origin, ben, 1)).toBe(1);
    expect(await letIn(deployment.origin, ben, 30)).toBeLessThan(30);
    redis().processes[0]!.signal("SIGCONT");
    await redis().processes[0]!.kill();
    expect(await letIn(second, ben, 1)).toBe(1);
    await redis().processes[0]!.restart();
  });

  test("a process that is given a password that Redis does not take says so and does not start", async () => {
    await redis().processes[0]!.ask("CONFIG", "SET", "requirepass", "the-one");
    const program = startProgram(["serve", "--target=gateway"], {
      DOUYA_DATA: deployment.dataDir,
      DOUYA_DATABASE_URL: deployment.databaseUrl,
      DOUYA_PORT: "0",
      DOUYA_REDIS_URL: redis().url.replace("redis://", "redis://:not-the-one@"),
    });
    await program.printed(/wants another user name or password than DOUYA_REDIS_URL has/);
    expect(program.output()).not.toContain("not-the-one");
    await program.stop();
  });
});
