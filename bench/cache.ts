import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Caches } from "#platform/cache/caches.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { redisCaches } from "#platform/cache/redis/redis-caches.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { connectRedis } from "#platform/redis/redis-client.ts";
import { startRedis } from "#platform/testing/start-redis.ts";
import type { Bench } from "./bench.ts";
import { compare } from "./rounds.ts";
import { ratioRow, row } from "./scoreboard.ts";

const processes = 3;
const readers = 16;
const options = { max: 1_000, ttlMs: 60_000 };

/**
 * Reads of a hot key through Redis and what is pinned of it, against the memory of one process alone; and how often a key
 * is loaded in the second in which Redis is flushed, while every process reads it all the time.
 */
export const cache: Bench = async (environment, { rounds, roundMs }) => {
  const redis = environment.owns({ ...(await startRedis()), stop: async () => {} });
  const prefix = `douya:${randomUUID()}:`;
  const clients = Array.from({ length: processes }, () =>
    connectRedis(redis.url, { prefix, log: createLog("silent") }),
  );
  try {
    while (clients.some((client) => client.problem() !== undefined)) await delay(10);
    let loads = 0;
    const load = async () => {
      loads++;
      await delay(1);
      return "the author of a video";
    };
    const shared = (caches: Caches) => caches.shared("authors", options);
    const ours = clients.map((client) => shared(redisCaches(client, createMetrics())));
    const alone = shared(embeddedCaches(createMetrics()));

    /** Reads one after the other by each of some readers, per second. */
    async function readFor(cache: typeof alone, durationMs: number): Promise<number> {
      const startedMs = performance.now();
      let reads = 0;
      const read = async () => {
        while (performance.now() - startedMs < durationMs) {
          for (let i = 0; i < 1_000; i++) await cache.get("hot", load);
          reads += 1_000;
          // Answers of Redis and timers have a turn, as between requests.
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
      };
      await Promise.all(Array.from({ length: readers }, read));
      return reads / ((performance.now() - startedMs) / 1000);
    }

    const hot = await compare(
      rounds,
      () => readFor(ours[0]!, roundMs),
      () => readFor(alone, roundMs),
    );
    const flushes: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const reading = Promise.all(ours.map((one) => readFor(one, 1_000)));
      await delay(100);
      const before = loads;
      await redis.processes[0]!.ask("FLUSHALL");
      await reading;
      flushes.push(loads - before);
    }
    const most = Math.max(...flushes);
    return [
      ratioRow("cache", "reads/s of a hot key", hot, { atLeast: 0.9 }),
      row("cache-flush", "loads of a key in a second", most, `≤ ${2 * processes}`, most <= 2 * processes, {
        flushes,
      }),
    ];
  } finally {
    for (const client of clients) client.close();
    await redis.remove();
  }
};
