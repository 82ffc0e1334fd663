import { expect, test } from "vitest";
import { noRateLimit, rateLimit } from "./rate-limit.ts";

function limited(burst: number, perMinute: number) {
  const clock = { nowMs: 1e12 };
  const limit = rateLimit({ burst, perMinute, nowMs: () => clock.nowMs });
  /** How many of `times` were accepted. */
  const taken = async (key: string, times: number) => {
    const all = await Promise.allSettled(Array.from({ length: times }, () => limit.take(key)));
    return all.filter(({ status }) => status === "fulfilled").length;
  };
  return { clock, limit, taken };
}

test("a burst at once, then a number a minute, and no more than a burst is saved up", async () => {
  const { clock, taken } = limited(5, 60);
  expect(await taken("a", 10)).toBe(5);
  clock.nowMs += 3000;
  expect(await taken("a", 10)).toBe(3);
  clock.nowMs += 3_600_000;
  expect(await taken("a", 10)).toBe(5);
});

test("the refusal says when to retry, and that is late enough", async () => {
  const { clock, limit, taken } = limited(1, 30);
  await taken("a", 1);
  clock.nowMs += 500;
  await expect(limit.take("a")).rejects.toEqual(
    expect.objectContaining({
      kind: "exhausted",
      reason: "TOO_MANY_REQUESTS",
      retryAfterMs: 1500,
      message: "Too many requests. Try again in 2 s.",
    }),
  );
  clock.nowMs += 1500;
  expect(await taken("a", 2)).toBe(1);
});

test("keys do not share, and refusals do not count", async () => {
  const { clock, taken } = limited(2, 60);
  expect(await taken("a", 1000)).toBe(2);
  expect(await taken("b", 3)).toBe(2);
  clock.nowMs += 1000;
  expect(await taken("a", 3)).toBe(1);
});

test("a clock set back neither gives nor takes tokens", async () => {
  const { clock, taken } = limited(2, 60);
  await taken("a", 2);
  clock.nowMs -= 3_600_000;
  expect(await taken("a", 1)).toBe(0);
  clock.nowMs += 1000;
  expect(await taken("a", 2)).toBe(1);
});

test("ever new keys fill no memory and reset nobody; they share buckets until others are full again", async () => {
  const { clock, taken } = limited(2, 1);
  await taken("first", 2);
  for (let i = 0; i < 50_000; i++) await taken(`key ${i}`, 1);
  expect(await taken("first", 1)).toBe(0);
  expect(await taken("key 0", 2)).toBe(1);
  let late = 0;
  for (let i = 0; i < 20_000; i++) late += await taken(`late ${i}`, 1);
  expect(late).toBeGreaterThan(1_000);
  expect(late).toBeLessThanOrEqual(2 * 1_024 + 1);
  clock.nowMs += 120_000;
  expect(await taken("newcomer", 5)).toBe(2);
  expect(await taken("first", 5)).toBe(2);
});

test("no limit lets everything through", async () => {
  for (let i = 0; i < 1000; i++) await noRateLimit.take("a");
});
