import { expect, it } from "vitest";
import { isNearEnd, isShown, preloadOf } from "./nearness.ts";

const around = [-3, -2, -1, 0, 1, 2, 3];

const preloads = (warm: boolean, ahead: number) => around.map((distance) => preloadOf(distance, warm, ahead));

it("loads nothing ahead until the active video plays, and takes no film away that has begun to load", () => {
  expect(preloads(false, 1)).toEqual([null, null, "metadata", "auto", "none", null, null]);
  expect(preloads(false, 3)).toEqual([null, null, "metadata", "auto", "none", "none", "none"]);
});
it("then loads the beginnings of as many as are worth it", () => {
  expect(preloads(true, 1)).toEqual([null, null, "metadata", "auto", "auto", null, null]);
  expect(preloads(true, 3)).toEqual([null, null, "metadata", "auto", "auto", "auto", "auto"]);
});
it("loads nothing ahead for people who save data", () => {
  expect(preloads(true, 0)).toEqual([null, null, "metadata", "auto", "none", null, null]);
});
it("fills only the slides around and asks for more before the end", () => {
  expect(around.map(isShown)).toEqual([false, true, true, true, true, true, true]);
  expect([isNearEnd(5, 10), isNearEnd(6, 10), isNearEnd(0, 1)]).toEqual([false, true, true]);
});
