import { expect, it } from "vitest";
import { isNearEnd, isShown, preloadOf } from "./nearness.ts";

const around = [-3, -2, -1, 0, 1, 2, 3];

it("loads nothing ahead until the active video plays", () => {
  expect(around.map((distance) => preloadOf(distance, false, false))).toEqual([
    null,
    null,
    "metadata",
    "auto",
    "none",
    null,
    null,
  ]);
});
it("then loads the next one whole and the start of the one after", () => {
  expect(around.map((distance) => preloadOf(distance, true, false))).toEqual([
    null,
    null,
    "metadata",
    "auto",
    "auto",
    "metadata",
    null,
  ]);
});
it("loads nothing ahead for people who save data", () => {
  expect(around.map((distance) => preloadOf(distance, true, true))).toEqual([
    null,
    null,
    "metadata",
    "auto",
    "none",
    null,
    null,
  ]);
});
it("fills only the slides around and asks for more before the end", () => {
  expect(around.map(isShown)).toEqual([false, true, true, true, true, true, false]);
  expect([isNearEnd(5, 10), isNearEnd(6, 10), isNearEnd(0, 1)]).toEqual([false, true, true]);
});
