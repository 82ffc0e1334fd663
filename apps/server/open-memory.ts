import { createHmac } from "node:crypto";
import type { Caches } from "#platform/cache/caches.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { redisCaches } from "#platform/cache/redis/redis-caches.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Part } from "#platform/observe/degraded.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Metrics } from "#platform/observe/metrics.ts";
import { localPresence, type PresenceMemory } from "#platform/presence/presence-memory.ts";
import { redisPresence } from "#platform/presence/redis-presence.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { redisProtection } from "#platform/protect/redis/redis-protection.ts";
import { inspectRedis } from "#platform/redis/inspect-redis.ts";
import { connectRedis, type RedisClient } from "#platform/redis/redis-client.ts";
import type { LiveSettings } from "#platform/settings/live-settings.ts";
import { localSignals, type Signals } from "#platform/signals/signals.ts";
import type { Config } from "./config.ts";
import { engineTls } from "./open-transport.ts";

/** What processes may share without storing it: caches, limits, what they tell each other, and who is here. */
export interface Memory {
  caches: Caches;
  protect: Protection;
  signals: Signals;
  presence: PresenceMemory;
  /** What can fail of it while the rest works, for /readyz. */
  parts?: Record<string, Part>;
  close(): Promise<void>;
}

/**
 * In the memory of this process, or in Redis where its address is given. Errors: REDIS_URL_INVALID, REDIS_UNFIT; a Redis
 * that is away keeps nobody from starting.
 */
export async function openMemory(
  config: Config,
  options: { metrics: Metrics; secret: string; settings: LiveSettings; log: Logger },
): Promise<Memory> {
  const { metrics, secret, settings, log } = options;
  const rates = () => settings.current("limitRates");
  const { limits, redisUrl } = config;
  if (!redisUrl) {
    return {
      caches: embeddedCaches(metrics),
      protect: embeddedProtection({ limits, rates, metrics }),
      signals: localSignals(),
      presence: localPresence(),
      close: async () => {},
    };
  }
  const tls = engineTls(config);
  await inspectRedis(redisUrl, tls).catch((error) => {
    if (!(error instanceof DomainError) || error.reason !== "REDIS_UNREACHABLE") throw error;
    log.warn({ cause: error.message }, "starting without Redis");
  });
  const redis = connectRedis(redisUrl, { prefix: `douya:${systemOf(secret)}:`, log, tls });
  const protect = redisProtection(redis, { limits, rates, metrics });
  return {
    caches: redisCaches(redis, metrics),
    protect,
    signals: redis,
    presence: redisPresence(redis),
    parts: { memory: { look: async () => problemOf(redis), freshMs: 0 } },
    async close() {
      protect.close();
      redis.close();
    },
  };
}

/** The same in all processes of one system, and in no other: two of them can share a Redis. */
function systemOf(secret: string): string {
  return createHmac("sha256", secret)
    .update("the name of this system in Redis")
    .digest("base64url")
    .slice(0, 12);
}

/** Anybody may read it, so it names no cause. */
function problemOf(redis: RedisClient): string | undefined {
  return redis.problem() === undefined
    ? undefined
    : "MEMORY_UNREACHABLE: Redis does not do what it should, so each process counts and remembers for itself; see: douya doctor";
}
