import { expect, it } from "vitest";
import { partsAround } from "./parts-around.ts";

it("shows a text from shortly before what was found, whole characters only", () => {
  expect(partsAround("Hello World", "wor")).toEqual(["Hello ", "Wor", "ld"]);
  expect(partsAround("今天你好吗", "你好")).toEqual(["今天", "你好", "吗"]);
  expect(partsAround(`${"😀".repeat(30)}x`, "x")).toEqual([`…${"😀".repeat(20)}`, "x", ""]);
  expect(partsAround("nothing", "there")).toEqual(["nothing", "", ""]);
});
