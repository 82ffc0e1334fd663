import { createHash, randomUUID } from "node:crypto";
import type { RedisClient } from "../../redis/redis-client.ts";
import { createProtection } from "../create-protection.ts";
import type { Protection } from "../protection.ts";
import { redisGuessLimit } from "./redis-guess-limit.ts";
import { redisRateLimit } from "./redis-rate-limit.ts";
import { countProcesses } from "./scripts.ts";

const beatMs = 5_000;
/** Who has not said for so long that it lives is gone. */
const goneMs = 3 * beatMs;

/** Limits counted in Redis by all processes together; queues and places at once belong to this process. */
export function redisProtection(
  redis: RedisClient,
  options: Omit<Parameters<typeof createProtection>[0], "engine">,
): Protection & { processes(): Promise<number>; close(): void } {
  const names: string[] = [];
  const id = randomUUID();
  let processes = 1;

  /** Counts the processes that have the same limits, this one too. */
  async function beat(): Promise<number> {
    const role = createHash("sha256").update(names.join("\n")).digest("base64url").slice(0, 12);
    const count = await redis.run(countProcesses, `limits:${role}`, [id, goneMs]);
    if (typeof count === "number") processes = Math.max(1, count);
    return processes;
  }
  const timer = setInterval(beat, beatMs);
  timer.unref();

  const keyOf = (name: string) => {
    names.push(name);
    return (key: string) => `limit:${name}:${key}`;
  };
  const engine = {
    rateLimit: (name: string, row: Parameters<Protection["rateLimit"]>[1]) =>
      redisRateLimit(redis, keyOf(name), row, () => processes),
    guessLimit: (name: string, row: Parameters<Protection["guessLimit"]>[1]) =>
      redisGuessLimit(redis, keyOf(name), row),
  };
  return { ...createProtection({ ...options, engine }), processes: beat, close: () => clearInterval(timer) };
}
