import { expect, it } from "vitest";
import { partsAround, shortName } from "./parts-around.ts";

it("shows a text from shortly before what was found, whole characters only", () => {
  expect(partsAround("Hello World", "wor")).toEqual(["Hello ", "Wor", "ld"]);
  expect(partsAround("今天你好吗", "你好")).toEqual(["今天", "你好", "吗"]);
  expect(partsAround(`${"😀".repeat(30)}x`, "x")).toEqual([`…${"😀".repeat(12)}`, "x", ""]);
  expect(partsAround("nothing", "there")).toEqual(["nothing", "", ""]);
});

it("shortens a long name, whole characters only", () => {
  expect(shortName("Maya Okafor")).toBe("Maya Oka…");
  expect(shortName("Jonas W and others")).toBe("Jonas W…");
  expect(shortName("😀".repeat(8))).toBe("😀".repeat(8));
});
