import { describe, expect, test } from "vitest";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { impossibleReads } from "./counter-bounds.ts";
import type { Operation } from "./history.ts";
import { notLinearizable } from "./linearizable.ts";

const never = Number.POSITIVE_INFINITY;
const write = <V>(value: V, calledMs: number, answeredMs: number): Operation<V> => ({
  kind: "write",
  value,
  calledMs,
  answeredMs,
});
const read = <V>(value: V, calledMs: number, answeredMs: number): Operation<V> => ({
  kind: "read",
  value,
  calledMs,
  answeredMs,
});

describe("a register", () => {
  test.each<[string, Operation<number>[], boolean]>([
    ["a read after a write sees it", [write(1, 0, 1), read(1, 2, 3)], true],
    ["a read after a write does not see what was before", [write(1, 0, 1), read(0, 2, 3)], false],
    ["a read during a write sees either", [write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)], true],
    ["what was seen is not unseen", [write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)], false],
    ["a write without an answer may come late", [write(1, 0, never), read(0, 5, 6), read(1, 7, 8)], true],
    ["or never", [write(1, 0, never), read(0, 5, 6)], true],
    [
      "but not twice",
      [write(1, 0, never), write(2, 1, 2), read(1, 3, 4), read(2, 5, 6), read(1, 7, 8)],
      false,
    ],
    [
      "two writes at once have one order",
      [write(1, 0, 5), write(2, 0, 5), read(1, 6, 7), read(2, 8, 9)],
      false,
    ],
    ["a value out of nothing", [read(7, 0, 1)], false],
  ])("%s", (_title, history, fits) => {
    expect(notLinearizable(history, 0) === undefined).toBe(fits);
  });

  /** Clients on a real register, whose operations take effect at some time between call and answer. */
  function simulate(seed: number, { stale }: { stale: boolean }): Operation<number>[] {
    const random = randomOf(seed);
    const planned = Array.from({ length: 60 }, (_, i) => {
      const calledMs = random.next() * 100;
      const effectMs = calledMs + random.next() * 5;
      return { i, calledMs, effectMs, answeredMs: effectMs + random.next() * 5, isWrite: random.chance(0.4) };
    });
    let value = 0;
    const history: Operation<number>[] = [];
    for (const { i, calledMs, effectMs, answeredMs, isWrite } of planned.sort(
      (a, b) => a.effectMs - b.effectMs,
    )) {
      const lost = isWrite && random.chance(0.1);
      if (isWrite && !(lost && random.chance(0.5))) value = i + 1;
      history.push(
        isWrite ? write(i + 1, calledMs, lost ? never : answeredMs) : read(value, calledMs, answeredMs),
      );
      expect(effectMs).toBeLessThanOrEqual(answeredMs);
    }
    if (stale) {
      const last = Math.max(...history.map(({ answeredMs }) => (answeredMs === never ? 0 : answeredMs)));
      history.push(write(1_000, last + 1, last + 2), write(1_001, last + 3, last + 4));
      history.push(read(1_000, last + 5, last + 6));
    }
    return history;
  }

  test("every history of a real register is accepted, and one with a stale read is not", () => {
    const seed = testSeed("histories of a register");
    for (let i = 0; i < 200; i++) {
      expect(notLinearizable(simulate(seed + i, { stale: false }), 0)).toBeUndefined();
      expect(notLinearizable(simulate(seed + i, { stale: true }), 0)).toContain("none of these fits");
    }
  });
});

describe("a counter", () => {
  const members = [[write(true, 0, 1)], [write(true, 2, 8), write(false, 9, 10)], [write(true, 3, never)]];
  test.each<[string, Operation<number>, number]>([
    ["what is certain is counted", read(0, 2, 2.5), 1],
    ["what may be counted or not", read(1, 4, 5), 0],
    ["all of it", read(3, 4, 5), 0],
    ["more than there is", read(4, 4, 5), 1],
    ["what was taken back is not", read(3, 11, 12), 1],
    ["what was never answered may still come", read(2, 11, 12), 0],
  ])("%s", (_title, seen, impossible) => {
    expect(impossibleReads([seen], members)).toHaveLength(impossible);
  });
});
