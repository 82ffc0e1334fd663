import { expect, test } from "vitest";
import { PacketSurvey } from "./packet-survey.ts";

function survey(times: [pts: number, dts: number, duration: number][]) {
  const found = new PacketSurvey({ wholeBytes: null, startsAtZero: false });
  for (const [at, [pts, dts, duration]] of times.entries()) {
    const packet = {
      stream: 0,
      position: at * 10,
      size: 10,
      discarded: false,
      corrupt: false,
      newSettings: false,
    };
    found.add({ ...packet, pts, dts, duration });
  }
  return found.result()[0]!;
}
const ends = (times: [number, number, number][]) => survey(times).parts.map(({ endMs }) => Math.round(endMs));

test("a long packet that is shown late, but decoded early, does not make the stream longer", () => {
  // Shown at 0, 1, 2, 3 and 10 s; the picture of 10 s is decoded before that of 2 s, and a long time passes then.
  const times: [number, number, number][] = [
    [0, -2, 1],
    [1, -1, 1],
    [10, 0, 7],
    [2, 7, 1],
    [3, 8, 1],
  ];
  expect(ends(times)).toEqual([11_000]);
});

test("a clock that restarts or jumps begins another part", () => {
  const second = (from: number) => Array.from({ length: 50 }, (_, at) => from + at / 50);
  const plain = (from: number) => second(from).map((at): [number, number, number] => [at, at, 0.02]);
  expect(survey([...plain(0), ...plain(0)]).parts).toHaveLength(2);
  expect(survey([...plain(0), ...plain(3600)]).parts).toHaveLength(2);
  expect(survey([...plain(0), ...plain(5)]).parts).toHaveLength(1);
});
