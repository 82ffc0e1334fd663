/** How much of something there was in a span of time. */
export interface Point {
  atMs: number;
  value: number;
}

/** More points than these are no better to look at. */
const MOST = 96;
const MINUTE_MS = 60_000;

/**
 * Values for every span from the beginning of a window (or, without one, from the first that there is) until now: those
 * that are not told of are 0. Where there are too many, several are one.
 */
export function everySpan(
  told: readonly Point[],
  { spanMs, windowMs, nowMs }: { spanMs: number; windowMs: number | undefined; nowMs: number },
): Point[] {
  const stepMs = Math.max(spanMs, MINUTE_MS);
  const endMs = nowMs - (nowMs % stepMs) + stepMs;
  const firstMs =
    windowMs === undefined ? Math.min(told[0]?.atMs ?? endMs, endMs - stepMs) : endMs - windowMs;
  const count = Math.max(1, Math.ceil((endMs - firstMs) / stepMs));
  const together = Math.ceil(count / MOST) * stepMs;
  const length = Math.max(2, Math.ceil((endMs - firstMs) / together));
  const points = Array.from({ length }, (_, i) => ({ atMs: endMs - (length - i) * together, value: 0 }));
  for (const { atMs, value } of told) {
    const point = points[Math.floor((atMs - points[0]!.atMs) / together)];
    if (point) point.value += value;
  }
  return points;
}
