import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { DomainError } from "../../errors/domain-error.ts";
import { createMetrics } from "../../observe/metrics.ts";
import { patienceMs } from "../../testing/patience.ts";
import { redisClients, withRedis } from "../../testing/private-redis.ts";
import { protectionContract } from "../../testing/protection-contract.ts";
import { redisProtection } from "./redis-protection.ts";

const connect = redisClients();
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** A process of the system `prefix`, connected. */
async function open(url: string, { prefix, limits = true }: { prefix?: string; limits?: boolean } = {}) {
  const redis = await connect(url, prefix, patienceMs);
  const protect = redisProtection(redis, { limits, metrics: createMetrics() });
  undo.push(protect.close);
  return { ...protect, redis };
}

/** So few a minute that none is added while a test runs. */
const row = { burst: 20, perMinute: 0.01 };
const tooMany = (waitMs: number) => new DomainError("exhausted", "TOO_MANY_ATTEMPTS", "Later.", waitMs);
/** How many of so many at once are let through. */
async function taken(times: number, take: () => Promise<unknown>): Promise<number> {
  const all = await Promise.allSettled(Array.from({ length: times }, take));
  return all.filter(({ status }) => status === "fulfilled").length;
}

describe.each(["single", "cluster"] as const)("protection in a %s Redis", (shape) => {
  const redis = withRedis(shape);
  protectionContract((limits) => open(redis().url, { limits }));
});

describe("limits in Redis", () => {
  const redis = withRedis();
  async function twoProcesses() {
    const options = { prefix: `douya:${randomUUID()}:` };
    return [await open(redis().url, options), await open(redis().url, options)] as const;
  }

  test("let no more through at several processes than at one, and all of it", async () => {
    const [one, two] = (await twoProcesses()).map((process) => process.rateLimit("likes", row));
    const both = await Promise.all([one, two].map((limit) => taken(50, () => limit!.take("ada"))));
    expect(both[0]! + both[1]!).toBe(20);
    const [three, four] = (await twoProcesses()).map((process) => process.rateLimit("likes", row));
    let sequential = 0;
    for (let i = 0; i < 25; i++)
      for (const limit of [three!, four!]) sequential += await taken(1, () => limit.take("ada"));
    expect(sequential).toBe(20);
  });

  test("are not used up faster than they are used", async () => {
    const [one] = await twoProcesses();
    const limit = one.rateLimit("likes", { burst: 100, perMinute: 0.01 });
    expect(await taken(100, () => limit.take("ada"))).toBe(100);
    expect(await taken(1, () => limit.take("ada"))).toBe(0);
  });

  test("count wrong guesses of all processes, and those of a process that died open for a while only", async () => {
    const [one, two] = (await twoProcesses()).map((process) =>
      process.guessLimit("passwords", { burst: 4, tooMany }),
    );
    const wrong = async (limit: typeof one) => {
      const guess = await limit!.take("ada");
      expect(await guess.judge(Promise.resolve(false))).toBe(false);
      return guess.guesses();
    };
    for (const [limit, level] of [
      [one, 1],
      [two, 2],
      [one, 3],
      [two, 4],
    ] as const)
      expect((await wrong(limit)).level).toBeCloseTo(level, 1);
    await expect(one!.take("ada")).rejects.toMatchObject({ reason: "TOO_MANY_ATTEMPTS" });
    expect(await taken(10, () => two!.take("ben"))).toBe(4);
  });

  test("go on by share when Redis is away, and together again afterwards", async () => {
    const [one, two] = await twoProcesses();
    const limits = [one, two].map((process) => process.rateLimit("likes", row));
    const [process] = redis().processes;
    for (const [leave, comeBack, key] of [
      [() => process!.signal("SIGSTOP"), () => process!.signal("SIGCONT"), "ada"],
      [() => process!.kill(), () => process!.restart(), "ben"],
    ] as const) {
      await expect.poll(async () => [await one.processes(), await two.processes()]).toEqual([2, 2]);
      await leave();
      await expect
        .poll(async () => {
          for (const limit of limits) await limit.take("probe").catch(() => {});
          return [one, two].map(({ redis }) => redis.problem());
        })
        .toEqual([expect.stringMatching(/answer/), expect.stringMatching(/answer/)]);
      expect(await Promise.all(limits.map((limit) => taken(50, () => limit.take(key))))).toEqual([10, 10]);
      await comeBack();
      await expect.poll(() => [one, two].map(({ redis }) => redis.problem())).toEqual([undefined, undefined]);
      const later = await Promise.all(limits.map((limit) => taken(50, () => limit.take(`${key} later`))));
      expect(later[0]! + later[1]!).toBe(20);
    }
  });

  test("are empty after a flush, and what was left behind by others lets nobody through for ever", async () => {
    const [one] = await twoProcesses();
    const prefix = `douya:${randomUUID()}:`;
    const limit = (await open(redis().url, { prefix })).rateLimit("likes", row);
    const ask = (...words: string[]) => redis().processes[0]!.ask(...words);
    await ask("HSET", `${prefix}limit:likes:ada`, "tokens", "1e99", "at", "0");
    expect(await taken(50, () => limit.take("ada"))).toBe(20);
    await ask("SET", `${prefix}limit:likes:ben`, "nonsense");
    expect(await taken(50, () => limit.take("ben"))).toBe(20);
    await ask("HSET", `${prefix}limit:likes:cem`, "tokens", "nan", "at", "no");
    expect(await taken(50, () => limit.take("cem"))).toBe(20);
    const flushed = one.rateLimit("likes", row);
    expect(await taken(50, () => flushed.take("ada"))).toBe(20);
    await ask("FLUSHALL");
    await expect.poll(() => taken(1, () => flushed.take("ada"))).toBe(1);
  });
});
