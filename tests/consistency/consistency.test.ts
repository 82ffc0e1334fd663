import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { everydayCluster } from "../harness/cluster.ts";
import { type Deployment, deploy, shapes } from "../harness/deployment.ts";
import { scenarioOf } from "../harness/scenario.ts";
import { type Cast, cast } from "./cast.ts";
import { workload } from "./workload.ts";

/** `npm run test:consistency` goes on for minutes. */
const seconds = Number(process.env.CONSISTENCY_SECONDS ?? 8);
const leastOperations = 200;

/** What docs/faults.md promises for a single key, while processes and the database are killed and paused. */
describe.each(shapes)("what clients see is one order of what they did, %s", (shape) => {
  const random = randomOf(testSeed(`consistency, ${shape}`));
  let database: { kill(): Promise<void>; restart(): Promise<void>; remove?(): Promise<void> };
  let deployment: Deployment;
  let players: Cast;
  const server = scenarioOf(() => deployment);

  beforeAll(async () => {
    if (shape === "cluster") {
      deployment = await deploy(shape);
      const cluster = await everydayCluster();
      // Its replica takes over by itself.
      database = { kill: () => cluster.kill("postgres-primary"), restart: cluster.whole };
    } else {
      const postgres = await startPrivatePostgres();
      database = postgres;
      deployment = await deploy(shape, { databaseUrl: postgres.url });
    }
    players = await cast(server);
  });
  afterAll(async () => {
    await deployment?.remove();
    await database?.remove?.();
  });

  const modules = shape === "all" ? ["gateway"] : ["user", "video", "relation", "gateway"];
  const faults = {
    async killProcess() {
      const module = random.of(modules);
      await deployment.programOf(module).kill();
      await deployment.restart(module);
    },
    async pauseProcess() {
      const program = deployment.programOf(random.of(modules));
      program.signal("SIGSTOP");
      await delay(random.below(2_000));
      program.signal("SIGCONT");
    },
    async killDatabase() {
      await database.kill();
      await database.restart();
    },
  };

  test("registers, sets and counters, under faults", async () => {
    const untilMs = performance.now() + seconds * 1000;
    const clients = workload({ ...players, random, guest: server.api });
    // A slow machine takes longer, so that there is something to look at.
    const goesOn = () => performance.now() < untilMs || clients.acknowledged() < leastOperations;
    const suffer = async () => {
      while (goesOn()) {
        await delay(random.below(1_500));
        await faults[random.of(Object.keys(faults) as (keyof typeof faults)[])]();
      }
    };
    await Promise.all([clients.act(goesOn), suffer()]);
    process.stdout.write(
      `consistency, ${shape}: ${clients.acknowledged()} operations, ${clients.unknown()} without an answer\n`,
    );
    await clients.readAll();
    expect(clients.violations()).toEqual([]);
    expect(clients.doubled()).toEqual([]);
  });
});
