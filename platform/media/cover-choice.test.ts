import { expect, test } from "vitest";
import { chooseCoverMs, SAMPLE_SIDE_PX } from "./cover-choice.ts";

const PIXELS = SAMPLE_SIDE_PX ** 2;
const plain = (grey: number) => new Uint8Array(PIXELS).fill(grey);
const stripes = (from: number, to: number) =>
  Uint8Array.from({ length: PIXELS }, (_, at) => (at % 2 ? from : to));
const inTurn = (...samples: Uint8Array[]) => Buffer.concat(samples);

test("the first picture after the largest change is the cover", () => {
  const calm = stripes(50, 80);
  expect(chooseCoverMs(inTurn(calm, calm, stripes(60, 90), calm, stripes(20, 200), calm))).toBe(1000);
});

test("neither black nor a white flash is a cover, however large the change", () => {
  const calm = stripes(90, 110);
  expect(chooseCoverMs(inTurn(calm, plain(255), plain(0), stripes(0, 8), calm, stripes(80, 120)))).toBe(1000);
});

test("of a video without a change the first picture that shows something", () => {
  expect(chooseCoverMs(inTurn(plain(0), plain(0), stripes(0, 100), stripes(0, 100)))).toBe(500);
  expect(chooseCoverMs(inTurn(plain(0), plain(0)))).toBe(0);
  expect(chooseCoverMs(new Uint8Array())).toBe(0);
});
