import type { Metrics } from "../../observe/metrics.ts";
import type { RedisClient } from "../../redis/redis-client.ts";
import type { Caches } from "../caches.ts";
import { createCaches } from "../create-caches.ts";
import { type RedisSharedCache, redisSharedCache } from "./redis-shared-cache.ts";
import { forget } from "./scripts.ts";

const forgottenChannel = "forgotten";

/** Shared caches in Redis, the others in the memory of this process. */
export function redisCaches(redis: RedisClient, metrics: Pick<Metrics, "gauges" | "totals">): Caches {
  const caches = new Map<string, RedisSharedCache>();
  redis.listen(forgottenChannel, (message) => {
    const space = message.indexOf("\n");
    caches.get(message.slice(0, space))?.unpin(message.slice(space + 1));
  });
  return createCaches(metrics, (name, options) => {
    const keyOf = (key: string) => `cache:${name}:${key}`;
    const cache = redisSharedCache(redis, keyOf, options, (key) =>
      redis.run(forget, keyOf(key), [redis.nameOf(forgottenChannel), `${name}\n${key}`]),
    );
    caches.set(name, cache);
    return { cache, entries: cache.pinned };
  });
}
