import { expect, test } from "vitest";
import { chooseCoverTimesMs, SAMPLE_SIDE_PX } from "./cover-choice.ts";

const chooseCoverMs = (samples: Uint8Array) => chooseCoverTimesMs(samples)[0];
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

test("three times are offered, a second apart or more; fewer where there is less to see", () => {
  const calm = stripes(50, 80);
  const second = [calm, calm, calm, calm];
  const film = [
    ...second,
    stripes(20, 200),
    ...second,
    stripes(10, 220),
    stripes(200, 20),
    ...second,
    stripes(30, 150),
  ];
  const times = chooseCoverTimesMs(inTurn(...film));
  expect(times).toHaveLength(3);
  const sorted = [...times].sort((a, b) => a - b);
  for (let at = 1; at < 3; at++) expect(sorted[at]! - sorted[at - 1]!).toBeGreaterThanOrEqual(1000);
  expect(chooseCoverTimesMs(inTurn(calm, calm))).toEqual([0]);
});
