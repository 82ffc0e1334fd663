import type { Metrics } from "../observe/metrics.ts";
import { createProtection } from "./create-protection.ts";
import { guessLimit } from "./guess-limit.ts";
import type { Protection } from "./protection.ts";
import { type RateLimitOptions, rateLimit } from "./rate-limit.ts";

/** Protection in the memory of this process. `limits` off lets load tests through. */
export function embeddedProtection(options: {
  limits: boolean;
  rates?: () => ReadonlyMap<string, RateLimitOptions>;
  metrics: Pick<Metrics, "gauge" | "gauges">;
}): Protection {
  const engine = {
    rateLimit: (_name: string, row: Parameters<typeof rateLimit>[0]) => rateLimit(row),
    guessLimit: (_name: string, row: Parameters<typeof guessLimit>[0]) => guessLimit(row),
  };
  return createProtection({ ...options, engine });
}
