import { expect, it } from "vitest";
import { fitOf } from "./fit.ts";

it("fills the screen with tall clips only", () => {
  expect([fitOf(720, 1280), fitOf(1080, 1920), fitOf(1080, 1350), fitOf(640, 360), fitOf(0, 0)]).toEqual([
    "cover",
    "cover",
    "contain",
    "contain",
    "contain",
  ]);
});
