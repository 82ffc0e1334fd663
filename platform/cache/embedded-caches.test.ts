import { expect, test } from "vitest";
import { createMetrics } from "../observe/metrics.ts";
import { embeddedCaches } from "./embedded-caches.ts";

test("a local cache keeps what was used last, and says what it had to forget, and only that", () => {
  const evicted: number[] = [];
  const cache = embeddedCaches(createMetrics()).local<number>("numbers", {
    max: 2,
    onEvict: (value) => evicted.push(value),
  });
  cache.set("a", 1);
  cache.set("b", 2);
  cache.set("b", 3);
  expect(cache.peek("a")).toBe(1);
  cache.set("c", 4);
  expect(["a", "b", "c"].map((key) => cache.peek(key))).toEqual([undefined, 3, 4]);
  expect(cache.get("b")).toBe(3);
  cache.set("d", 5);
  cache.delete("b");
  expect(["b", "c", "d"].map((key) => cache.get(key))).toEqual([undefined, undefined, 5]);
  expect(evicted).toEqual([1, 4]);
});

test("a shared cache loads what it does not know, and remembers neither failures nor what is not there", async () => {
  const cache = embeddedCaches(createMetrics()).shared("authors", { max: 10, ttlMs: 60_000 });
  const loads: string[] = [];
  const get = (key: string, find: () => Promise<string | undefined>) =>
    cache.get(key, () => {
      loads.push(key);
      return find();
    });
  await expect(get("1", () => Promise.reject(new Error("away")))).rejects.toThrow("away");
  expect(await get("1", async () => undefined)).toBeUndefined();
  expect(await get("1", async () => "ada")).toBe("ada");
  expect(await get("1", async () => "ben")).toBe("ada");
  expect(loads).toEqual(["1", "1", "1"]);
});

test("a name belongs to one cache, and the metrics say how many entries each has", async () => {
  const metrics = createMetrics();
  const caches = embeddedCaches(metrics);
  caches.local<number>("numbers", { max: 2 }).set("a", 1);
  await caches.shared("authors", { max: 10, ttlMs: 60_000 }).get("1", async () => "ada");
  const pages = caches.validated<string>("pages", {
    changesSince: async () => ({ cursor: "1", ids: [], everything: false }),
    sizeOf: () => 1,
    maxBytes: 1000,
    maxAgeMs: 60_000,
  });
  const answer = { value: "page", dependencies: [], complete: true };
  const call = { traceId: "", deadlineMs: Date.now() + 3_600_000 };
  expect(
    await pages.get(
      "a",
      () => call,
      async () => answer,
    ),
  ).toBe("page");
  const text = await metrics.registry.metrics();
  for (const cache of ["numbers", "authors", "pages"])
    expect(text).toContain(`douya_cache_entries{cache="${cache}"} 1`);
  expect(() => caches.shared("numbers", { max: 1, ttlMs: 1 })).toThrow(/two caches with the name "numbers"/);
});
