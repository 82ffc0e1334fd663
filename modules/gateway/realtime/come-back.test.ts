import { expect, it } from "vitest";
import { refusal } from "#contracts/reasons.ts";
import { createComeBack } from "./come-back.ts";

it("those who are turned away come back no sooner than told, one after the other, within two minutes", () => {
  let nowMs = 5_000;
  const comeBack = createComeBack(() => nowMs);
  const told = (retryAfterMs: number) => comeBack(refusal("BUSY", undefined, retryAfterMs)).retryAfterMs;
  expect([told(1_000), told(1_000), told(90_000), told(90_000)]).toEqual([1_000, 1_003, 90_000, 90_003]);
  nowMs += 100_000;
  expect(told(1_000)).toBe(1_000);
  expect(told(3_600_000)).toBe(120_000);
});
