import type { EngineTls } from "../tls/engine-tls.ts";
import { inspectRedis } from "./inspect-redis.ts";
import { parseRedisUrl } from "./redis-url.ts";

/** Its version and how fast it answers. An error says what to mend. */
export async function checkRedis(url: string, tls?: EngineTls): Promise<string> {
  const { version, tookMs, warnings } = await inspectRedis(url, tls);
  if (warnings.length > 0) throw new Error(warnings.join("; "));
  return `Redis ${version} (${parseRedisUrl(url).shape}), answers in ${Math.round(tookMs)} ms`;
}
