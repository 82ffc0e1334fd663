import { randomUUID } from "node:crypto";
import { afterEach, expect } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { connectRedis, type RedisClient } from "#platform/redis/redis-client.ts";
import { type PrivateRedis, type RedisShape, startRedis } from "./start-redis.ts";
import { withEngine } from "./with-engine.ts";

/** Starts a Redis before the tests of this file or `describe`; skips them where there is none. */
export function withRedis(shape: RedisShape = "single"): () => PrivateRedis {
  return withEngine("redis", ["redis-server", "redis-sentinel", "redis-cli"], () => startRedis(shape));
}

/**
 * Connects as a process of the system `prefix` does, until the test is over; resolves when it is connected. Who counts
 * exactly passes a long `answerMs`: an answer that is late is counted by Redis and by the process.
 */
export function redisClients(): (url: string, prefix?: string, answerMs?: number) => Promise<RedisClient> {
  const opened: RedisClient[] = [];
  afterEach(() => {
    for (const redis of opened.splice(0)) redis.close();
  });
  // Redis shares a busy machine with other tests, which must not pass for one that hangs.
  return async (url, prefix = `douya:${randomUUID()}:`, answerMs = 500) => {
    const redis = connectRedis(url, { prefix, log: createLog("silent"), answerMs });
    opened.push(redis);
    await expect.poll(redis.problem).toBeUndefined();
    return redis;
  };
}
