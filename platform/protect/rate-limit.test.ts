import { expect, test } from "vitest";
import { noRateLimit, rateLimit } from "./rate-limit.ts";

function limited(burst: number, perMinute: number) {
  const clock = { nowMs: 1e12 };
  const limit = rateLimit({ burst, perMinute, nowMs: () => clock.nowMs });
  /** How many of `times` were let through. */
  const taken = (key: string, times: number) => {
    let count = 0;
    for (let i = 0; i < times; i++) {
      try {
        limit.take(key);
        count++;
      } catch {}
    }
    return count;
  };
  return { clock, limit, taken };
}

test("a burst at once, then so many a minute, and no more than a burst is saved up", () => {
  const { clock, taken } = limited(5, 60);
  expect(taken("a", 10)).toBe(5);
  clock.nowMs += 3000;
  expect(taken("a", 10)).toBe(3);
  clock.nowMs += 3_600_000;
  expect(taken("a", 10)).toBe(5);
});

test("the refusal says when to come back, and that is soon enough", () => {
  const { clock, limit, taken } = limited(1, 30);
  taken("a", 1);
  clock.nowMs += 500;
  expect(() => limit.take("a")).toThrow(
    expect.objectContaining({
      kind: "exhausted",
      reason: "TOO_MANY_REQUESTS",
      retryAfterMs: 1500,
      message: "Too many requests. Try again in 2 s.",
    }),
  );
  clock.nowMs += 1500;
  expect(taken("a", 2)).toBe(1);
});

test("keys do not share, and refusals do not count", () => {
  const { clock, taken } = limited(2, 60);
  expect(taken("a", 1000)).toBe(2);
  expect(taken("b", 3)).toBe(2);
  clock.nowMs += 1000;
  expect(taken("a", 3)).toBe(1);
});

test("a clock set back neither gives nor takes tokens", () => {
  const { clock, taken } = limited(2, 60);
  taken("a", 2);
  clock.nowMs -= 3_600_000;
  expect(taken("a", 1)).toBe(0);
  clock.nowMs += 1000;
  expect(taken("a", 2)).toBe(1);
});

test("strangers with ever new keys fill no memory and reset nobody; they share, until others have rested", () => {
  const { clock, taken } = limited(2, 1);
  taken("first", 2);
  for (let i = 0; i < 50_000; i++) taken(`key ${i}`, 1);
  expect(taken("first", 1)).toBe(0);
  expect(taken("key 0", 2)).toBe(1);
  let late = 0;
  for (let i = 0; i < 20_000; i++) late += taken(`late ${i}`, 1);
  expect(late).toBeGreaterThan(1_000);
  expect(late).toBeLessThanOrEqual(2 * 1_024 + 1);
  clock.nowMs += 120_000;
  expect(taken("newcomer", 5)).toBe(2);
  expect(taken("first", 5)).toBe(2);
});

test("no limit lets everything through", () => {
  for (let i = 0; i < 1000; i++) noRateLimit.take("a");
});
