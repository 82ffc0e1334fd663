import { expect, test } from "vitest";
import fc from "../testing/property.ts";
import { randomOf } from "../testing/random.ts";
import { type Balanced, createBalancer, warmUpMs } from "./balancer.ts";

const instance = (more: Partial<Balanced> = {}): Balanced => ({
  inFlight: 0,
  reported: 0,
  reportedAtMs: 0,
  warmAtMs: 0,
  credit: 1,
  ...more,
});
const seeds = fc.integer();

test("of two the less loaded one is chosen, by what is under way here and what it reported", () => {
  const loads = fc.record({ inFlight: fc.nat(100), reported: fc.nat(100) });
  fc.assert(
    fc.property(seeds, loads, loads, (seed, one, other) => {
      const [first, second] = [instance(one), instance(other)];
      const chosen = createBalancer({ now: () => 0, random: randomOf(seed).next })([first, second]);
      const score = ({ inFlight, reported }: Balanced) => inFlight + reported;
      expect(score(chosen)).toBe(Math.min(score(first), score(second)));
    }),
  );
});

test("calls spread evenly over equals, and the most loaded of several is never chosen", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 2, max: 8 }), (seed, count) => {
      const choose = createBalancer({ now: () => 0, random: randomOf(seed).next });
      const all = Array.from({ length: count }, () => instance());
      for (let i = 0; i < 100 * count; i++) choose(all).inFlight++;
      for (const { inFlight } of all) expect(Math.abs(inFlight - 100)).toBeLessThan(10);
      all[0]!.inFlight += 1000;
      for (let i = 0; i < 100; i++) expect(choose(all)).not.toBe(all[0]);
    }),
    { numRuns: 30 },
  );
});

test("what was reported long ago counts no more", () => {
  let nowMs = 0;
  const choose = createBalancer({ now: () => nowMs, random: () => 0 });
  const all = [instance({ inFlight: 1 }), instance({ reported: 50 })];
  expect(choose(all)).toBe(all[0]);
  nowMs = 10_000;
  expect(choose(all)).toBe(all[1]);
});

test("a fresh instance is called at once, and takes its full share slowly", () => {
  let nowMs = 1_000_000;
  const choose = createBalancer({ now: () => nowMs, random: randomOf(7).next });
  // The others are busy, so that it is chosen whenever it may be.
  const fresh = instance({ warmAtMs: nowMs + warmUpMs });
  const all = [instance({ inFlight: 10 }), fresh, instance({ inFlight: 10 })];
  const shareOf100 = () =>
    Array.from({ length: 100 }, () => choose(all)).filter((one) => one === fresh).length;
  const first = Array.from({ length: 5 }, () => choose(all));
  expect(first).toContain(fresh);
  const early = shareOf100();
  nowMs += warmUpMs / 2;
  const later = shareOf100();
  nowMs += warmUpMs;
  const warm = shareOf100();
  expect(early).toBeLessThanOrEqual(11);
  expect(later).toBeGreaterThan(early);
  expect(later).toBeLessThanOrEqual(51);
  expect(warm).toBeGreaterThan(later);
});

test("where all are fresh, nobody waits", () => {
  const all = [instance({ warmAtMs: 1000 }), instance({ warmAtMs: 1000 })];
  const choose = createBalancer({ now: () => 0, random: randomOf(1).next });
  for (let i = 0; i < 200; i++) choose(all).inFlight++;
  expect(Math.abs(all[0]!.inFlight - all[1]!.inFlight)).toBeLessThan(20);
});
