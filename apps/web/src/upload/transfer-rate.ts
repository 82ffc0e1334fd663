export interface Rate {
  atMs: number;
  bytes: number;
  bytesPerSecond: number;
}

/** Half of the weight is on about the last second. */
const HALF_LIFE_MS = 1000;

/** The speed after `bytes` were sent in all, smoothed: raw numbers jump at every report. */
export function nextRate(last: Rate, bytes: number, atMs: number): Rate {
  const elapsedMs = atMs - last.atMs;
  if (elapsedMs < 50) return last;
  const current = ((bytes - last.bytes) / elapsedMs) * 1000;
  const keep = last.bytesPerSecond === 0 ? 0 : 0.5 ** (elapsedMs / HALF_LIFE_MS);
  return { atMs, bytes, bytesPerSecond: keep * last.bytesPerSecond + (1 - keep) * current };
}
