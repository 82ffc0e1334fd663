import { expect, test } from "vitest";
import { createMetrics } from "../observe/metrics.ts";
import { sharedCacheContract } from "../testing/shared-cache-contract.ts";
import { embeddedCaches } from "./embedded-caches.ts";
import { createValidity } from "./validity.ts";

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

sharedCacheContract(async () => embeddedCaches(createMetrics()));

test("the metrics say how many entries each has, what it was asked and what it had to load", async () => {
  const metrics = createMetrics();
  const caches = embeddedCaches(metrics);
  caches.local<number>("numbers", { max: 2 }).set("a", 1);
  const authors = caches.shared("authors", { max: 10, ttlMs: 60_000 });
  for (let i = 0; i < 2; i++) expect(await authors.get("1", async () => "ada")).toBe("ada");
  const pages = caches.validated<string>("pages", {
    validity: createValidity(async () => ({ cursor: "1", ids: [], everything: false })),
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
  expect(text).toContain('douya_cache_asked{cache="authors"} 2');
  for (const [cache, times] of Object.entries({ authors: 1, pages: 1 }))
    expect(text).toContain(`douya_cache_loaded{cache="${cache}"} ${times}`);
});
