import { expect, it, vi } from "vitest";
import { Problem } from "../api/problem.ts";
import { startPolling } from "./polling.ts";

/** A page that may be hidden or shown. */
function fakePage() {
  const page = Object.assign(new EventTarget(), { hidden: false });
  return Object.assign(page, {
    turn(hidden: boolean) {
      page.hidden = hidden;
      page.dispatchEvent(new Event("visibilitychange"));
    },
  }) as unknown as Document & { turn(hidden: boolean): void };
}

it("asks while the page is shown, at once when it is shown again, and not after the end", async () => {
  vi.useFakeTimers();
  const page = fakePage();
  let asked = 0;
  const stop = startPolling({ check: async () => asked++, everyMs: 1000, page });
  await vi.advanceTimersByTimeAsync(3500);
  expect(asked).toBe(3);
  page.turn(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(3);
  page.turn(false);
  expect(asked).toBe(4);
  stop();
  page.turn(true);
  page.turn(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(4);
  vi.useRealTimers();
});

it("asks less often while it fails, and as often as before when it works again", async () => {
  vi.useFakeTimers();
  const asked: number[] = [];
  let broken = true;
  const start = Date.now();
  const check = async () => {
    asked.push((Date.now() - start) / 1000);
    if (broken) throw new Error("no network");
  };
  const stop = startPolling({ check, everyMs: 1000, page: fakePage() });
  await vi.advanceTimersByTimeAsync(8000);
  expect(asked).toEqual([1, 3, 7]);
  broken = false;
  await vi.advanceTimersByTimeAsync(9000);
  expect(asked).toEqual([1, 3, 7, 15, 16, 17]);
  stop();
  vi.useRealTimers();
});

it("asks no sooner than the server said", async () => {
  vi.useFakeTimers();
  let asked = 0;
  const check = async () => {
    asked++;
    throw new Problem(503, { retryAfterMs: 60_000 });
  };
  const stop = startPolling({ check, everyMs: 1000, page: fakePage() });
  await vi.advanceTimersByTimeAsync(60_900);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked).toBe(2);
  stop();
  vi.useRealTimers();
});

it("asks one question at a time", async () => {
  vi.useFakeTimers();
  const page = fakePage();
  let asked = 0;
  const stop = startPolling({ check: () => new Promise(() => asked++), everyMs: 1000, page });
  await vi.advanceTimersByTimeAsync(1000);
  page.turn(true);
  page.turn(false);
  expect(asked).toBe(1);
  stop();
  vi.useRealTimers();
});

it("counts no failure for a page that is shown again before the server wants to be asked", async () => {
  vi.useFakeTimers();
  let asked = 0;
  const check = async () => {
    asked++;
    throw new Problem(503, { retryAfterMs: 5000 });
  };
  const page = fakePage();
  const stop = startPolling({ check, everyMs: 1000, page });
  await vi.advanceTimersByTimeAsync(1000);
  for (let i = 0; i < 5; i++) {
    page.turn(true);
    page.turn(false);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(8000);
  expect(asked).toBe(2);
  stop();
  vi.useRealTimers();
});
