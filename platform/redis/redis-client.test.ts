import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { redisClients, withRedis } from "../testing/private-redis.ts";
import { keySlot } from "./key-slot.ts";
import { connectRedis } from "./redis-client.ts";
import { script } from "./script.ts";

const store = script("return redis.call('SET', KEYS[1], ARGV[1])");
const open = redisClients();

test("slots are those of the specification of Redis Cluster", () => {
  expect(keySlot("123456789")).toBe(0x31c3);
  expect(keySlot("foo")).toBe(12182);
  expect(keySlot("{user1000}.following")).toBe(keySlot("{user1000}.followers"));
  expect(keySlot("foo{}{bar}")).not.toBe(keySlot("bar"));
});

describe("a single Redis", () => {
  const redis = withRedis();

  test("that hangs is asked no more after some failures: the answer is that there is none, at once", async () => {
    const client = await open(redis().url);
    await expect.poll(() => client.run(store, "a", [1])).toBe("OK");
    const [process] = redis().processes;
    process!.signal("SIGSTOP");
    await expect
      .poll(async () => {
        expect(await client.run(store, "a", [1])).toBeUndefined();
        return client.problem();
      })
      .toMatch(/does not answer/);
    const answers = Promise.all(Array.from({ length: 1000 }, () => client.run(store, "a", [1])));
    expect(await Promise.race([answers, nextTurn("waits")])).toEqual(Array(1000).fill(undefined));
    process!.signal("SIGCONT");
    await expect.poll(() => client.run(store, "a", [1])).toBe("OK");
  });

  test("that has lost its scripts is given them again", async () => {
    const client = await open(redis().url);
    await expect.poll(() => client.run(store, "a", [1])).toBe("OK");
    await redis().processes[0]!.ask("SCRIPT", "FLUSH");
    await expect.poll(() => client.run(store, "a", [1])).toBe("OK");
  });

  test("that is full says so, and is asked again", async () => {
    const client = await open(redis().url);
    const [process] = redis().processes;
    await process!.ask("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await process!.ask("CONFIG", "SET", "maxmemory", "1");
    for (let i = 0; i < 10; i++) expect(await client.run(store, "a", [1])).toBeUndefined();
    expect(client.problem()).toMatch(/^refuses \(OOM/);
    await process!.ask("CONFIG", "SET", "maxmemory", "64mb");
    await expect.poll(() => client.run(store, "a", [1])).toBe("OK");
  });
});

describe.each(["single", "sentinel", "cluster"] as const)("what is told in a %s Redis", (shape) => {
  const redis = withRedis(shape);

  test("is heard by every process that listens, also after the line was cut, and by no other system", async () => {
    const prefix = `douya:${randomUUID()}:`;
    const [teller, one, two] = await Promise.all([1, 2, 3].map(() => open(redis().url, prefix)));
    const other = await open(redis().url);
    const heard = new Set<string>();
    for (const [name, client] of Object.entries({ one, two, other }))
      client!.listen("news", (message) => heard.add(`${name} ${message}`));
    const hears = (news: string) =>
      expect
        .poll(async () => {
          await teller!.tell("news", news);
          return [...heard].filter((text) => text.endsWith(` ${news}`)).sort();
        })
        .toEqual([`one ${news}`, `two ${news}`]);
    await hears("first");
    for (const process of redis().processes) await process.ask("CLIENT", "KILL", "TYPE", "pubsub");
    await hears("second");
  });
});

test("an address that nothing listens at costs nothing", async () => {
  const client = connectRedis("redis://127.0.0.1:1", { prefix: "a:", log: createLog("silent") });
  onTestFinished(client.close);
  expect(await client.run(store, "a", [1])).toBeUndefined();
  await expect.poll(client.problem).toBe("does not answer");
});

describe("a cluster", () => {
  const redis = withRedis("cluster");
  const keys = Array.from({ length: 30 }, (_, i) => `key ${i}`);

  test("is found again after each of its nodes was restarted in turn, and after all were", async () => {
    const client = await open(redis().url);
    const worksAgain = () =>
      expect
        .poll(async () => [
          client.problem(),
          ...new Set(await Promise.all(keys.map((key) => client.run(store, key, [1])))),
        ])
        .toEqual([undefined, "OK"]);
    for (const process of redis().processes) {
      await process.kill();
      await expect
        .poll(async () =>
          (await Promise.all(keys.map((key) => client.run(store, key, [1])))).includes(undefined),
        )
        .toBe(true);
      await process.restart();
      await worksAgain();
    }
    for (const process of redis().processes) await process.kill();
    await expect.poll(() => client.run(store, "a", [1])).toBeUndefined();
    for (const process of redis().processes) await process.restart();
    await worksAgain();
  });

  test("of which one node hangs goes on at the others, without waiting", async () => {
    const client = await open(redis().url);
    const [process] = redis().processes;
    process!.signal("SIGSTOP");
    const ask = () => Promise.all(keys.map((key) => client.run(store, key, [1])));
    await expect
      .poll(async () => [new Set(await ask()), client.problem()])
      .toEqual([new Set(["OK", undefined]), expect.stringMatching(/does not answer/)]);
    process!.signal("SIGCONT");
    await expect.poll(async () => new Set(await ask())).toEqual(new Set(["OK"]));
  });
});

describe("sentinels", () => {
  const redis = withRedis("sentinel");

  test("lead to the promoted replica when the primary is gone", async () => {
    const client = await open(redis().url);
    await expect.poll(() => client.run(store, "a", [1])).toBe("OK");
    await redis().processes[0]!.kill();
    await expect.poll(() => client.run(store, "a", [1])).toBeUndefined();
    await expect.poll(() => client.run(store, "a", [2])).toBe("OK");
    expect(await redis().processes[1]!.ask("ROLE")).toMatch(/^master/);
  });
});
