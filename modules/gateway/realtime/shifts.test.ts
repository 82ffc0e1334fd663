import { expect, test } from "vitest";
import { createShifts } from "./shifts.ts";

test("in as many shifts as there are, everybody is met once, however many come and go meanwhile", () => {
  const shifts = createShifts<number>(20);
  for (let i = 0; i < 1_000; i++) shifts.add(i);
  const met: number[] = [];
  for (let turn = 0; turn < 20; turn++) {
    met.push(...shifts.next());
    // Some that were there, and some that come and go.
    for (let i = 0; i < 30; i++) {
      shifts.delete(turn * 10 + i);
      shifts.add(10_000 + turn * 30 + i);
    }
  }
  const stayed = met.filter((one) => one >= 400 && one < 1_000);
  expect(stayed.sort((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => 400 + i));
  expect(new Set(met).size).toBe(met.length);
  expect(shifts.all()).toHaveLength(1_000 - 220 + 600);
});
