import { expect, it } from "vitest";
import { nextTap } from "./tap.ts";

it("counts taps that follow each other at one place", () => {
  const first = nextTap(null, 1000, 50, 50);
  expect(first.count).toBe(1);
  const second = nextTap(first, 1200, 60, 70);
  expect(second.count).toBe(2);
  expect(nextTap(second, 1400, 60, 70).count).toBe(3);
  expect(nextTap(first, 1301, 50, 50).count).toBe(1);
  expect(nextTap(first, 1100, 50, 150).count).toBe(1);
});
