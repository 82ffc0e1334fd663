import { expect, test } from "vitest";
import fc from "../testing/property.ts";
import { chooseByKey } from "./affinity.ts";

const instances = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ address: `10.0.0.${i + 1}:9090`, inFlight: 0 }));
const keys = Array.from({ length: 2_000 }, (_, i) => `7234567890123${i}`);

test("a key has one instance, in whatever order they are known", () => {
  fc.assert(
    fc.property(fc.string(), fc.shuffledSubarray(instances(6), { minLength: 6 }), (key, shuffled) => {
      expect(chooseByKey(shuffled, key).address).toBe(chooseByKey(instances(6), key).address);
    }),
  );
});

test("keys are spread evenly, and when an instance goes only its own move", () => {
  const all = instances(4);
  const before = keys.map((key) => chooseByKey(all, key).address);
  for (const { address } of all) {
    const own = before.filter((other) => other === address).length;
    expect(own).toBeGreaterThan(400);
    expect(own).toBeLessThan(600);
  }
  const gone = all[2]!.address;
  const after = keys.map(
    (key) =>
      chooseByKey(
        instances(4).filter(({ address }) => address !== gone),
        key,
      ).address,
  );
  before.forEach((address, i) => {
    if (address !== gone) expect(after[i]).toBe(address);
  });
});

test("no instance gets more than its room or a quarter above the mean, though all ask for the same", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 2_000 }), (count, calls) => {
      const all = instances(count);
      for (let i = 0; i < calls; i++) chooseByKey(all, "hot").inFlight++;
      const most = Math.max(...all.map(({ inFlight }) => inFlight));
      expect(most).toBeLessThanOrEqual(Math.max(64, Math.ceil((1.25 * calls) / count)));
      if (calls <= 64) expect(most).toBe(calls);
    }),
  );
});
