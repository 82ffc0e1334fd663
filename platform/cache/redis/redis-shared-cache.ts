import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { boundedQueue } from "../../protect/bounded-queue.ts";
import type { RedisClient } from "../../redis/redis-client.ts";
import { atMost } from "../at-most.ts";
import type { SharedCache, SharedCacheOptions } from "../caches.ts";
import { singleFlight } from "../single-flight.ts";
import { createHotKeys } from "./hot-keys.ts";
import { fill, giveUp, lookUp } from "./scripts.ts";

/** Longer than a load takes that somebody still waits for. */
const leaseMs = 3_000;
/** How often, and after how long, those look again who found that another process is loading. */
const looks = 3;
const lookAgainMs = 15;
/** How long an answer is given without asking Redis: if its key is hot, or while Redis is away. */
const pinnedMs = 1_000;
/** Entries end within this share of their time, so that those that were made together do not end together. */
const jitter = 0.2;
/** Loads at once, so that a Redis without memory does not take the database down. */
const loadsAtOnce = { concurrency: 512, maxWaiting: 10_000, typicalMs: 5 };
const loadMs = 5_000;

type Load = () => Promise<string | undefined>;

/** A cache in Redis with a little of it in the memory of this process. */
export interface RedisSharedCache extends SharedCache {
  /** Another process has forgotten this key. */
  unpin(key: string): void;
  pinned(): number;
}

/**
 * `keyOf`: the key in Redis. Where Redis has no answer, each process remembers for itself, for a second, and loads each
 * key once at a time: the database sees at most one load per second, key and process. Error: BUSY, where too many load.
 */
export function redisSharedCache(
  redis: RedisClient,
  keyOf: (key: string) => string,
  { max, ttlMs, absentMs = 0 }: SharedCacheOptions,
  forgetEverywhere: (key: string) => Promise<unknown>,
): RedisSharedCache {
  const pinned = new LRUCache<string, { value: string | undefined }>({
    ...atMost(max),
    ttl: Math.min(pinnedMs, ttlMs),
  });
  const hot = createHotKeys();
  const flights = singleFlight<string | undefined>();
  const loads = boundedQueue(loadsAtOnce);
  const longestMs = Math.max(ttlMs, absentMs, leaseMs);

  async function loadUnder(lease: string, key: string, load: Load): Promise<string | undefined> {
    let found: string | undefined;
    let lastsMs = 0;
    try {
      found = await load();
      lastsMs = Math.round((found === undefined ? absentMs : ttlMs) * (1 - jitter * Math.random()));
      return found;
    } finally {
      const entry = found === undefined ? "a" : `v${found}`;
      // Nobody waits for it.
      if (lastsMs > 0) void redis.run(fill, keyOf(key), [lease, entry, lastsMs]);
      else void redis.run(giveUp, keyOf(key), [lease]);
    }
  }

  async function find(key: string, load: Load): Promise<{ value: string | undefined; pin: boolean }> {
    const lease = `l${randomUUID()}`;
    const pin = hot.isHot(key);
    for (let look = 0; look <= looks; look++) {
      if (look > 0) await delay(lookAgainMs * (0.5 + Math.random()));
      const answer = await redis.run(lookUp, keyOf(key), [lease, leaseMs, longestMs]);
      if (answer === lease) return { value: await loadUnder(lease, key, load), pin };
      if (typeof answer !== "string") return { value: await load(), pin: true };
      if (answer.startsWith("v")) return { value: answer.slice(1), pin };
      if (answer === "a") return { value: undefined, pin };
    }
    return { value: await load(), pin };
  }

  function release(key: string): void {
    pinned.delete(key);
    flights.forget(key);
  }

  return {
    async get(key, load) {
      const known = pinned.get(key);
      if (known) return known.value;
      return flights.run(key, async (isCurrent) => {
        const { value, pin } = await find(key, () => loads.run(load, Date.now() + loadMs));
        if (pin && isCurrent() && (value !== undefined || absentMs > 0)) pinned.set(key, { value });
        return value;
      });
    },
    async forget(key) {
      release(key);
      await forgetEverywhere(key);
    },
    unpin: release,
    pinned: () => pinned.size,
  };
}
