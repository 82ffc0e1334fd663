import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { shapes } from "../harness/deployment.ts";
import { scenarioOf } from "../harness/scenario.ts";
import { type Cast, cast } from "./cast.ts";
import { deployFaulty, type FaultyDeployment } from "./faulty-deployment.ts";
import { workload } from "./workload.ts";

/** `npm run test:consistency` goes on for minutes. */
const seconds = Number(process.env.CONSISTENCY_SECONDS ?? 8);
const leastOperations = 200;

/** What docs/faults.md promises for a single key, while processes and the database are killed and paused. */
describe.each(shapes)("what clients see is one order of what they did, %s", (shape) => {
  const random = randomOf(testSeed(`consistency, ${shape}`));
  let faulty: FaultyDeployment;
  let players: Cast;
  const server = scenarioOf(() => faulty.deployment);

  beforeAll(async () => {
    faulty = await deployFaulty(shape, random, ["user", "video", "relation", "gateway"]);
    players = await cast(server);
  });
  afterAll(() => faulty?.remove());

  test("registers, sets and counters, under faults", async () => {
    const untilMs = performance.now() + seconds * 1000;
    const clients = workload({ ...players, random, guest: server.api });
    // A slow machine takes longer, so that there is something to look at.
    const goesOn = () => performance.now() < untilMs || clients.acknowledged() < leastOperations;
    await Promise.all([clients.act(goesOn), faulty.suffer(goesOn, clients.acknowledged)]);
    process.stdout.write(
      `consistency, ${shape}: ${clients.acknowledged()} operations, ${clients.unknown()} without an answer\n`,
    );
    await clients.readAll();
    expect(clients.unwritten()).toEqual([]);
    expect(clients.violations()).toEqual([]);
    expect(clients.doubled()).toEqual([]);
  });
});
