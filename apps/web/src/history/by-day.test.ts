import { expect, it } from "vitest";
import { byDay } from "./by-day.ts";

it("puts together what was watched on one day", () => {
  const at = (day: number, hour: number) => ({ watchedAt: new Date(2026, 10, day, hour).toISOString() });
  const items = [at(30, 23), at(30, 0), at(29, 23), at(1, 12)];
  expect(byDay(items).map(({ items }) => items.length)).toEqual([2, 1, 1]);
  expect(byDay(items).flatMap(({ items }) => items)).toEqual(items);
  expect(byDay([])).toEqual([]);
});
