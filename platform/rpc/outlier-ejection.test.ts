import { expect, test } from "vitest";
import fc from "../testing/property.ts";
import { randomOf } from "../testing/random.ts";
import { createOutlierEjection } from "./outlier-ejection.ts";

interface Way {
  failed: boolean;
  ms: number;
}
const well: Way = { failed: false, ms: 5 };

/** Instances that are called in turn, each ending its calls in its own way. */
function play(count: number, seed = 1) {
  const clock = { nowMs: 0 };
  const ejection = createOutlierEjection<object>({ now: () => clock.nowMs, random: randomOf(seed).next });
  const all = Array.from({ length: count }, () => ({}));
  const ways = all.map(() => well);
  const ejected = () => all.filter((one) => ejection.isEjected(one)).length;
  function call(times: number): void {
    for (let i = 0; i < times; i++) {
      clock.nowMs += 5;
      all.forEach((one, n) => {
        if (!ejection.isEjected(one)) ejection.record(one, ways[n]!, all);
      });
    }
  }
  /** How long the first stays away. */
  function absenceMs(): number {
    const from = clock.nowMs;
    while (ejection.isEjected(all[0]!)) clock.nowMs += 100;
    return clock.nowMs - from;
  }
  return {
    all,
    ways,
    call,
    ejected,
    absenceMs,
    isEjected: (n: number) => ejection.isEjected(all[n]!),
    clock,
  };
}

test.each<[string, Way]>([
  ["fails", { failed: true, ms: 1 }],
  ["is slow", { failed: false, ms: 300 }],
])("one that %s is left alone, and for longer each time", (_what, badly) => {
  const { ways, call, isEjected, absenceMs, ejected } = play(3);
  call(50);
  expect(ejected()).toBe(0);
  ways[0] = badly;
  const absences = [];
  for (let i = 0; i < 3; i++) {
    call(200);
    expect([isEjected(0), ejected()]).toEqual([true, 1]);
    absences.push(absenceMs());
  }
  expect(absences[1]).toBeGreaterThan(absences[0]!);
  expect(absences[2]).toBeGreaterThan(absences[1]!);
  ways[0] = well;
  call(500);
  expect(ejected()).toBe(0);
});

test("what all do is not held against one", () => {
  const { ways, call, ejected } = play(4);
  ways.fill({ failed: true, ms: 2_000 });
  call(500);
  expect(ejected()).toBe(0);
});

test("a few failures and small differences are nothing", () => {
  const { ways, call, ejected } = play(2);
  ways[0] = { failed: false, ms: 60 };
  call(500);
  expect(ejected()).toBe(0);
});

test("at most half are ejected, whatever they do", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.record({ failure: fc.double({ min: 0, max: 1, noNaN: true }), ms: fc.nat(2_000) }), {
        minLength: 1,
        maxLength: 7,
      }),
      (seed, natures) => {
        const random = randomOf(seed);
        const { ways, call, ejected, clock } = play(natures.length, seed);
        for (let i = 0; i < 300; i++) {
          natures.forEach(({ failure, ms }, n) => {
            ways[n] = { failed: random.chance(failure), ms };
          });
          call(1);
          expect(ejected()).toBeLessThanOrEqual(natures.length / 2);
          if (random.chance(0.01)) clock.nowMs += 20_000;
        }
      },
    ),
    { numRuns: 50 },
  );
});
