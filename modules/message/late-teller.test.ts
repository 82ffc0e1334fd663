import { afterEach, expect, test, vi } from "vitest";
import { startLateTeller } from "./late-teller.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("what waits is told when it is due, also if it began to wait while something else did", async () => {
  // Of a machine that stands still, two can be due at one look.
  vi.useFakeTimers();
  const dueMs: number[] = [];
  const told: number[] = [];
  const teller = startLateTeller(
    async () => {
      const now = dueMs.filter((atMs) => atMs <= Date.now());
      told.push(...now.splice(0, dueMs.length));
      for (const atMs of told) if (dueMs.includes(atMs)) dueMs.splice(dueMs.indexOf(atMs), 1);
      return { heads: [], nextAtMs: dueMs.length > 0 ? Math.min(...dueMs) : undefined };
    },
    () => {},
    (error) => {
      throw error;
    },
  );
  const nowMs = Date.now();
  // The second is due before the first, the third after the look at the first.
  const all = [nowMs + 300, nowMs + 50, nowMs + 600];
  for (const atMs of all) {
    dueMs.push(atMs);
    if (atMs !== all[2]) teller.tellAt(atMs);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual([...all].sort((a, b) => a - b));
  await teller.stop();
});

test("what is due in a month, by a clock that is wrong, is looked for once a minute", async () => {
  vi.useFakeTimers();
  const nextAtMs = Date.now() + 30 * 24 * 3_600_000;
  let looks = 0;
  const teller = startLateTeller(
    async () => {
      looks++;
      return { heads: [], nextAtMs };
    },
    () => {},
    (error) => {
      throw error;
    },
  );
  await vi.advanceTimersByTimeAsync(300_000);
  // Now and then, and when it would be due.
  expect(looks).toBeGreaterThan(5);
  expect(looks).toBeLessThan(15);
  await teller.stop();
});
