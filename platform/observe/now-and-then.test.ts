import { expect, test } from "vitest";
import { nowAndThen } from "./now-and-then.ts";

test("the same is said once a minute, other things at once, and no more than a hundred of them", () => {
  let now = 5;
  const maySay = nowAndThen(() => now);
  expect([maySay("a"), maySay("a"), maySay("b")]).toEqual([true, false, true]);
  now += 59_999;
  expect(maySay("a")).toBe(false);
  now += 1;
  expect(maySay("a")).toBe(true);
  const names = Array.from({ length: 1_000 }, (_, i) => maySay(`stranger ${i}`));
  expect(names.filter(Boolean)).toHaveLength(99);
  now += 60_000;
  expect(maySay("stranger 999")).toBe(true);
});
