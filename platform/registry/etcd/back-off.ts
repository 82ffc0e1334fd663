const firstMs = 200;

/** How long to wait after so many failures: doubles up to `maxMs`, with jitter, so that processes do not come back together. */
export function jitteredMs(failures: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** failures) * (0.5 + Math.random());
}
