import { expect, it } from "vitest";
import { middlePart } from "./scale-image.ts";

it("cuts the middle, as much of it as there is", () => {
  expect(middlePart(4000, 3000, 512, 512)).toEqual({ x: 500, y: 0, width: 3000, height: 3000 });
  expect(middlePart(3000, 4000, 1600, 640)).toEqual({ x: 0, y: 1400, width: 3000, height: 1200 });
  expect(middlePart(100, 50, 512, 512)).toEqual({ x: 25, y: 0, width: 50, height: 50 });
});
