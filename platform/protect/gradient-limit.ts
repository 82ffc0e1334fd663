const least = 20;
const most = 200;
const smoothing = 0.2;
/** Latency may be so many times the usual one before the limit goes down. */
const tolerance = 1.5;
/**
 * Samples over which the usual latency follows that of now: quickly downwards; so slowly upwards that an overload of
 * some minutes does not become what is usual.
 */
const samplesDown = 100;
const samplesUp = 20_000;
const samplesNow = 20;

/** How many requests a process does at once: as many as do not make each other slow. */
export interface GradientLimit {
  current(): number;
  /** Tells how long a request took, and how many were done at once then, itself included. */
  sample(tookMs: number, inFlight: number): void;
}

/**
 * After the Gradient2 algorithm of Netflix's concurrency-limits: the ratio of the usual latency to that of now moves the
 * limit, and the square root of the limit is added as room for growth. What is usual follows more slowly here: theirs
 * drifts to the most under a constant overload.
 */
export function gradientLimit(): GradientLimit {
  let limit = least;
  let usualMs = 0;
  let nowMs = 0;
  return {
    current: () => Math.floor(limit),
    sample(tookMs, inFlight) {
      const sampleMs = Math.max(tookMs, 0.01);
      nowMs = nowMs === 0 ? sampleMs : nowMs + (sampleMs - nowMs) / samplesNow;
      usualMs =
        usualMs === 0 ? nowMs : usualMs + (nowMs - usualMs) / (nowMs < usualMs ? samplesDown : samplesUp);
      // A limit that nobody reaches says nothing.
      if (inFlight < limit / 2) return;
      const gradient = Math.max(0.5, Math.min(1, (tolerance * usualMs) / nowMs));
      const wanted = limit * gradient + Math.sqrt(limit);
      limit = Math.max(least, Math.min(most, limit * (1 - smoothing) + wanted * smoothing));
    },
  };
}
