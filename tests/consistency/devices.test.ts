import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "#platform/db/database.ts";
import { createLog } from "#platform/observe/log.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { everydayCluster } from "../harness/cluster.ts";
import { registerMany } from "../harness/crowd.ts";
import { shapes } from "../harness/deployment.ts";
import { scenarioOf } from "../harness/scenario.ts";
import { nowAndThenMs, until } from "../harness/within.ts";
import { device } from "./devices.ts";
import { deployFaulty, type FaultyDeployment } from "./faulty-deployment.ts";

/** `npm run test:consistency` has hundreds of devices, for minutes. */
const seconds = Number(process.env.CONSISTENCY_SECONDS ?? 8);
const people = Number(process.env.CONSISTENCY_PEOPLE ?? 8);
const devicesEach = 3;
const leastAcknowledged = 100;
/** Those who follow each other. */
const circle = 4;

/** Devices that write, lose their lines and sleep, while processes, engines and the database are killed. */
describe.each(shapes)("every device shows what is in the tables, %s", (shape) => {
  const random = randomOf(testSeed(`devices, ${shape}`));
  let faulty: FaultyDeployment;
  const server = scenarioOf(() => faulty.deployment);
  const devices: ReturnType<typeof device>[] = [];
  let second: string | undefined;
  /** Of all gateways: one comes back to any of them. */
  const origins = () => [server.origin, ...(second ? [second] : [])];

  beforeAll(async () => {
    faulty = await deployFaulty(shape, random, ["message", "user", "gateway"]);
    if (shape === "split") second = await faulty.deployment.another("gateway");
  });
  afterAll(async () => {
    for (const { sleep } of devices) sleep();
    await faulty?.remove();
  });
  async function killEngine() {
    const cluster = await everydayCluster();
    await cluster.kill(random.of(["redis", "nats-1"]));
    await cluster.whole();
  }

  test("nothing lost, nothing doubled, in order", async () => {
    const all = await registerMany(server, people);
    const friendsOf = (i: number) =>
      all.slice(i - (i % circle), i - (i % circle) + circle).filter((_, j) => j !== i % circle);
    for (const [i, me] of all.entries())
      for (const other of friendsOf(i)) expect((await me.put(`/users/${other.id}/follow`)).status).toBe(204);
    for (const owner of all)
      for (let i = 0; i < devicesEach; i++) devices.push(device(owner, `device-${i}`, origins, random));

    const acknowledged = () => devices.flatMap((one) => one.acknowledged);
    const count = () => devices.reduce((sum, one) => sum + one.acknowledged.length, 0);
    const untilMs = performance.now() + seconds * 1000;
    const isWell = () => devices.every(({ problems }) => problems.length === 0);
    const goesOn = () => isWell() && (performance.now() < untilMs || count() < leastAcknowledged);
    const acted = devices.map((one) => one.act(goesOn, friendsOf(all.indexOf(one.owner))));
    const suffered = faulty.suffer(goesOn, count, shape === "cluster" ? [killEngine] : []);
    await Promise.all([...acted, suffered]).catch((error: unknown) => {
      const answers = new Set(devices.map((one) => one.lastAnswer()));
      throw new Error(`the last answers were\n${[...answers].join("\n")}`, { cause: error });
    });
    expect(devices.flatMap(({ problems }) => problems)).toEqual([]);
    await Promise.all(devices.map((one) => one.settle()));
    const resyncs = devices.reduce((sum, one) => sum + one.resyncs(), 0);
    process.stdout.write(
      `devices, ${shape}: ${devices.length} devices, ${count()} messages, ${resyncs} times from the lists\n`,
    );

    // What everybody wrote is there once.
    const written = new Map<string, number>();
    for (const owner of all) {
      const first = devices.find((one) => one.owner === owner)!;
      for (const texts of Object.values(await until("the lists", () => first.fetched(), nowAndThenMs)))
        for (const text of texts) written.set(text, (written.get(text) ?? 0) + 1);
    }
    // At its sender and at its receiver.
    const sent = acknowledged();
    expect(sent.filter((text) => written.get(text) !== 2)).toEqual([]);
    expect(written.size).toBe(sent.length);

    for (const one of devices) {
      const tables = await until("the lists", () => one.fetched(), nowAndThenMs);
      await until(`${one.owner.username}, ${one.name}: what the tables have`, () => {
        expect(one.shown().messages).toEqual(tables);
        return true;
      });
    }
    // The devices of a person agree about what was read, as far as each has heard of it.
    for (const owner of all) {
      const [first, ...others] = devices.filter((one) => one.owner === owner);
      for (const other of others)
        await until(`${owner.username}: ${other.name} and the first have the same read marks`, () => {
          const [a, b] = [first!.shown().reads, other.shown().reads];
          const both = Object.keys(a).filter((key) => key in b);
          expect(both.map((key) => [key, a[key]])).toEqual(both.map((key) => [key, b[key]]));
          return true;
        });
    }
    // It may name several servers.
    const database = openDatabase(faulty.deployment.databaseUrlOf("message"), { log: createLog("silent") });
    onTestFinished(() => database.close());
    const holes = await database.pool.query(
      `select user_id from message.person p
       where seq <> (select count(*) from message.timeline t where t.user_id = p.user_id)
         or seq <> (select coalesce(max(seq), 0) from message.timeline t where t.user_id = p.user_id)`,
    );
    expect(holes.rows).toEqual([]);
  });
});
