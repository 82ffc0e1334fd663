import { expect, test } from "vitest";
import fc from "../testing/property.ts";
import { createRetryBudget } from "./retry-budget.ts";

test("never more than a tenth of the calls and the reserve", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 5_000 }), (steps) => {
      const budget = createRetryBudget();
      let calls = 0;
      let retries = 0;
      for (const isCall of steps) {
        if (isCall) {
          budget.called();
          calls++;
        } else if (budget.take()) retries++;
      }
      expect(retries).toBeLessThanOrEqual(100 + calls / 10);
    }),
  );
});

test("where every call fails, one in ten is repeated", () => {
  const budget = createRetryBudget();
  while (budget.take());
  let retries = 0;
  for (let i = 0; i < 10_000; i++) {
    budget.called();
    if (budget.take()) retries++;
  }
  expect(retries).toBeGreaterThan(990);
  expect(retries).toBeLessThanOrEqual(1_000);
});

test("what is saved up has a limit", () => {
  const budget = createRetryBudget();
  for (let i = 0; i < 100_000; i++) budget.called();
  let saved = 0;
  while (budget.take()) saved++;
  expect(saved).toBe(100);
});
