import { fnv1a } from "../hash/fnv1a.ts";
import type { RedisClient } from "../redis/redis-client.ts";
import { type Script, script } from "../redis/script.ts";
import { keptMs, localPresence, type PresenceMemory } from "./presence-memory.ts";

/** People are spread over so many keys, each a sorted set by the time until which they are here. */
const keys = 64;
/** People in one run of a script, which keeps others waiting meanwhile. */
const atOnce = 500;

/** By the clock of Redis: those of processes may differ. */
const now = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)`;
const tidy = `
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${keptMs})
  redis.call('PEXPIRE', KEYS[1], ${keptMs})`;

/** ARGV[1]: for how long; then who. Answers who was not here. */
const here = script(`${now}
  local away = {}
  for i = 2, #ARGV do
    local untilMs = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if not untilMs or tonumber(untilMs) <= now then away[#away + 1] = ARGV[i] end
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[i])
  end${tidy}
  return away`);
/** ARGV[1]: how long ago; then who. */
const left = script(`${now}
  for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now - tonumber(ARGV[1]), ARGV[i]) end${tidy}
  return 1`);
const forget = script(`
  for i = 1, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
  return 1`);
/** Answers for how long each is here yet; an empty text where nothing is known. */
const read = script(`${now}
  local found = {}
  for i = 1, #ARGV do
    local untilMs = redis.call('ZSCORE', KEYS[1], ARGV[i])
    found[i] = untilMs and string.format('%.0f', tonumber(untilMs) - now) or ''
  end
  return found`);

/** In Redis; while it is away, this process knows who is connected to it. */
export function redisPresence(redis: Pick<RedisClient, "run">): PresenceMemory {
  const own = localPresence();

  /** Asks each key once for all of its people, and in portions; undefined where there is no answer. */
  async function ask(what: Script, ids: readonly string[], ...first: number[]) {
    const byKey = new Map<string, string[]>();
    for (const id of ids) {
      const key = `presence:${fnv1a(id) % keys}`;
      const found = byKey.get(key);
      if (found) found.push(id);
      else byKey.set(key, [id]);
    }
    const portions = [...byKey].flatMap(([key, all]) =>
      Array.from({ length: Math.ceil(all.length / atOnce) }, (_, i) => ({
        key,
        people: all.slice(i * atOnce, (i + 1) * atOnce),
      })),
    );
    return Promise.all(
      portions.map(async ({ key, people }) => ({
        people,
        answer: (await redis.run(what, key, [...first, ...people])) as string[] | undefined,
      })),
    );
  }

  return {
    async here(ids, forMs) {
      const [answers, awayHere] = await Promise.all([ask(here, ids, forMs), own.here(ids, forMs)]);
      const known = new Set(awayHere);
      return answers.flatMap(({ people, answer }) => answer ?? people.filter((id) => known.has(id)));
    },
    async left(ids, agoMs) {
      await Promise.all([ask(left, ids, Math.round(agoMs)), own.left(ids, agoMs)]);
    },
    async forget(ids) {
      await Promise.all([ask(forget, ids), own.forget(ids)]);
    },
    async read(ids) {
      const found = new Map<string, number | undefined>();
      for (const { people, answer } of await ask(read, ids)) {
        if (answer) people.forEach((id, i) => void found.set(id, answer[i] ? Number(answer[i]) : undefined));
        // Who is not here may be elsewhere.
        else for (const [id, ms] of await own.read(people)) if (ms !== undefined && ms > 0) found.set(id, ms);
      }
      return found;
    },
  };
}
