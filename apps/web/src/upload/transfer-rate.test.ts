import { expect, it } from "vitest";
import { nextRate, type Rate } from "./transfer-rate.ts";

const start: Rate = { atMs: 0, bytes: 0, bytesPerSecond: 0 };

it("is the plain speed at a steady pace", () => {
  let rate = start;
  for (let i = 1; i <= 40; i++) rate = nextRate(rate, i * 50_000, i * 100);
  expect(rate.bytesPerSecond).toBeCloseTo(500_000);
});
it("follows a change within a few seconds, without jumping", () => {
  let rate: Rate = { atMs: 0, bytes: 0, bytesPerSecond: 1_000_000 };
  rate = nextRate(rate, 10_000, 100);
  expect(rate.bytesPerSecond).toBeGreaterThan(900_000);
  for (let i = 2; i <= 50; i++) rate = nextRate(rate, i * 10_000, i * 100);
  expect(rate.bytesPerSecond).toBeLessThan(150_000);
});
it("waits for a span long enough to measure", () => {
  expect(nextRate(start, 1_000_000, 10)).toBe(start);
});
