import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../observe/metrics.ts";
import { patienceMs } from "../../testing/patience.ts";
import { redisClients, withRedis } from "../../testing/private-redis.ts";
import { sharedCacheContract } from "../../testing/shared-cache-contract.ts";
import { redisCaches } from "./redis-caches.ts";

const hour = { max: 100, ttlMs: 3_600_000 };
const connect = redisClients();

/** A process of the system `prefix`, connected. It waits for every answer: without one it would load once more. */
async function open(url: string, prefix?: string, answerMs = patienceMs) {
  const redis = await connect(url, prefix, answerMs);
  return { ...redisCaches(redis, createMetrics()), redis };
}

describe.each(["single", "sentinel", "cluster"] as const)("shared caches in a %s Redis", (shape) => {
  const redis = withRedis(shape);
  sharedCacheContract(() => open(redis().url));

  test("what one process loads the others have, and what one forgets all forget, pinned or not", async () => {
    const prefix = `douya:${randomUUID()}:`;
    const [here, there] = [await open(redis().url, prefix), await open(redis().url, prefix)];
    const [one, two] = [here.shared("authors", hour), there.shared("authors", hour)];
    expect(await one.get("1", async () => "ada")).toBe("ada");
    // Stored while nobody waits for it.
    await expect.poll(() => two.get("1", async () => undefined)).toBe("ada");
    for (let i = 0; i < 50; i++) expect(await two.get("1", async () => "ben")).toBe("ada");
    await one.forget("1");
    await expect.poll(() => two.get("1", async () => "ben")).toBe("ben");
    await expect.poll(() => one.get("1", async () => undefined)).toBe("ben");
  });
});

describe("a shared cache", () => {
  const redis = withRedis();
  const ask = (...words: string[]) => redis().processes[0]!.ask(...words);

  /** Several processes, each with this cache, and how often each key was loaded by any of them. */
  async function processes(count: number, options = hour, answerMs = patienceMs) {
    const prefix = `douya:${randomUUID()}:`;
    const opened = await Promise.all(
      Array.from({ length: count }, () => open(redis().url, prefix, answerMs)),
    );
    const caches = opened.map((one) => one.shared("authors", options));
    let loads = 0;
    return {
      redis: opened[0]!.redis,
      caches,
      entry: `${prefix}cache:authors:1`,
      loads: () => loads,
      get: (cache = caches[0]!) =>
        cache.get("1", async () => {
          loads++;
          return `author ${loads}`;
        }),
    };
  }

  test("that is flushed costs each process at most two loads of a key, however many ask", async () => {
    const { caches, get, loads } = await processes(3);
    await get();
    await ask("FLUSHALL");
    const before = loads();
    await Promise.all(Array.from({ length: 300 }, (_, i) => get(caches[i % 3])));
    expect(loads() - before).toBeLessThanOrEqual(2 * 3);
  });

  test("does without a Redis that hangs or is gone, waits for it no more, and has it again when it is back", async () => {
    const { redis: client, get, loads, entry } = await processes(1, hour, 500);
    const [process] = redis().processes;
    for (const [leave, comeBack] of [
      [() => process!.signal("SIGSTOP"), () => process!.signal("SIGCONT")],
      [() => process!.kill(), () => process!.restart()],
    ] as const) {
      await leave();
      await expect
        .poll(async () => {
          expect(await get()).toMatch(/^author /);
          return client.problem();
        })
        .toMatch(/does not answer/);
      const known = loads();
      await Promise.all(Array.from({ length: 100 }, () => get()));
      expect(loads() - known).toBeLessThanOrEqual(1);
      await comeBack();
      await expect.poll(() => client.problem()).toBeUndefined();
      await ask("DEL", entry);
      await expect
        .poll(async () => {
          await get();
          return ask("GET", entry);
        })
        .toMatch(/^vauthor /);
    }
  });

  test("takes nothing that was left behind: entries without an end, or of another kind, or leases of the dead", async () => {
    const { get, entry, redis: client } = await processes(1, { max: 100, ttlMs: 60_000 });
    const found: unknown[] = [];
    for (const leave of [
      ["SET", entry, "vevil"],
      ["SET", entry, "vevil", "PX", "3600000"],
      ["SET", entry, "evil", "PX", "60000"],
      ["SET", entry, "lnobody"],
      ["SET", entry, "lnobody", "PX", "3000"],
      ["HSET", entry, "v", "evil"],
    ]) {
      await ask("DEL", entry);
      await ask(...leave);
      found.push(await get());
    }
    expect(found).toEqual(found.map(() => expect.stringMatching(/^author /)));
    expect(client.problem()).toMatch(/WRONGTYPE/);
  });

  test("of another system in the same Redis is another cache", async () => {
    const [one, two] = [await open(redis().url), await open(redis().url)];
    expect(await one.shared("authors", hour).get("1", async () => "ada")).toBe("ada");
    expect(await two.shared("authors", hour).get("1", async () => "ben")).toBe("ben");
  });
});
