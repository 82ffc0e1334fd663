import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { patienceMs } from "../testing/patience.ts";
import { redisClients, withRedis } from "../testing/private-redis.ts";
import { localPresence, type PresenceMemory } from "./presence-memory.ts";
import { redisPresence } from "./redis-presence.ts";

const clients = redisClients();
/** An answer that is late is none: others would hear nothing. */
const connect = (url: string, prefix?: string) => clients(url, prefix, patienceMs);
const long = 60_000;

function presenceContract(open: () => Promise<PresenceMemory>) {
  test("who comes is told once, and is here until they leave", async () => {
    const memory = await open();
    expect(await memory.here(["1", "2"], long)).toEqual(expect.arrayContaining(["1", "2"]));
    expect(await memory.here(["2", "3"], long)).toEqual(["3"]);
    await memory.left(["1"], 5_000);
    const found = await memory.read(["1", "2", "4"]);
    expect(found.get("1")).toBeLessThanOrEqual(-5_000);
    expect(found.get("1")).toBeGreaterThan(-60_000);
    expect(found.get("2")).toBeGreaterThan(0);
    expect([found.has("4"), found.get("4")]).toEqual([true, undefined]);
    expect(await memory.here(["1"], long)).toEqual(["1"]);
  });

  test("of whom is said no more that they are here, they are gone after a while", async () => {
    const memory = await open();
    await memory.here(["1"], 50);
    await expect.poll(async () => (await memory.read(["1"])).get("1")).toBeLessThanOrEqual(0);
    expect(await memory.here(["1"], long)).toEqual(["1"]);
  });

  test("of whom is forgotten nothing is known", async () => {
    const memory = await open();
    await memory.here(["1", "2"], long);
    await memory.forget(["1"]);
    expect((await memory.read(["1"])).get("1")).toBeUndefined();
    expect((await memory.read(["2"])).get("2")).toBeGreaterThan(0);
  });

  test("many are said and asked for at once", async () => {
    const memory = await open();
    const ids = Array.from({ length: 5_000 }, (_, i) => String(i + 1));
    expect((await memory.here(ids, long)).length).toBe(ids.length);
    const found = await memory.read(ids);
    expect(ids.filter((id) => !((found.get(id) ?? 0) > 0))).toEqual([]);
  });
}

describe("presence in one process", () => {
  presenceContract(async () => localPresence());

  test("is forgotten after a month", async () => {
    let nowMs = 0;
    const memory = localPresence(() => nowMs);
    await memory.here(["1"], long);
    nowMs = 29 * 24 * 3_600_000;
    expect((await memory.read(["1"])).get("1")).toBe(long - nowMs);
    nowMs += 2 * 24 * 3_600_000;
    expect((await memory.read(["1"])).get("1")).toBeUndefined();
  });
});

describe.each(["single", "cluster"] as const)("presence in a %s Redis", (shape) => {
  const redis = withRedis(shape);
  presenceContract(async () => redisPresence(await connect(redis().url)));

  test("what one process says, others hear", async () => {
    const prefix = `douya:${randomUUID()}:`;
    const [here, there] = [await connect(redis().url, prefix), await connect(redis().url, prefix)].map(
      redisPresence,
    );
    await here!.here(["1"], long);
    expect((await there!.read(["1"])).get("1")).toBeGreaterThan(0);
    expect(await there!.here(["1"], long)).toEqual([]);
  });
});

describe("presence while Redis is away", () => {
  test("is that of the own process, and of nobody else is anything said", async () => {
    const memory = redisPresence({ run: async () => undefined });
    expect(await memory.here(["1"], long)).toEqual(["1"]);
    expect(await memory.here(["1"], long)).toEqual([]);
    const found = await memory.read(["1", "2"]);
    expect([...found.keys()]).toEqual(["1"]);
  });
});
