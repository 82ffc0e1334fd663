import { expect, it } from "vitest";
import { everySpan } from "./spans.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const nowMs = Date.UTC(2026, 10, 30, 12, 34, 56);
const sum = (points: { value: number }[]) => points.reduce((all, { value }) => all + value, 0);

it("has a point for every hour or so, and loses nothing that is in the window", () => {
  const told = Array.from({ length: 50 }, (_, i) => ({ atMs: nowMs - 1 - i * 28 * minuteMs, value: i }));
  const points = everySpan(told, { spanMs: minuteMs, windowMs: dayMs, nowMs });
  expect(points).toHaveLength(96);
  expect(sum(points)).toBe(sum(told));
  const steps = new Set(points.slice(1).map(({ atMs }, i) => atMs - points[i]!.atMs));
  expect(steps).toEqual(new Set([15 * minuteMs]));
  const old = { atMs: nowMs - 2 * dayMs, value: 9 };
  expect(sum(everySpan([old], { spanMs: minuteMs, windowMs: dayMs, nowMs }))).toBe(0);
});

it("begins with the first that there is where there is no window", () => {
  const told = [
    { atMs: Date.UTC(2026, 10, 27), value: 3 },
    { atMs: Date.UTC(2026, 10, 30), value: 4 },
  ];
  const points = everySpan(told, { spanMs: dayMs, windowMs: undefined, nowMs });
  expect(points.map(({ value }) => value)).toEqual([3, 0, 0, 4]);
  expect(everySpan([], { spanMs: dayMs, windowMs: undefined, nowMs })).toHaveLength(2);
});
