import { expect, test } from "vitest";
import { fitOf, ratioOf } from "./fit.ts";

test.each([
  ["a phone's video", 1080, 1920, "cover", 0.5625],
  ["a tall phone's", 1080, 2340, "cover", 0.4615],
  ["a square", 720, 720, "contain", 1],
  ["a film", 1920, 1080, "contain", 1.7778],
  ["a wide film", 3840, 1000, "contain", 2.4],
  ["a needle", 100, 1000, "cover", 0.45],
  ["one of unknown size", 0, 0, "contain", 0.5625],
] as const)("%s", (_, width, height, fit, ratio) => {
  expect(fitOf({ width, height })).toBe(fit);
  expect(ratioOf({ width, height })).toBeCloseTo(ratio, 3);
});
