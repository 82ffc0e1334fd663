import { expect, onTestFinished, test, vi } from "vitest";
import { lazyReporter } from "./lazy-reporter.ts";
import type { Reporter } from "./reporter.ts";

/** A reporter that is there when `arrive` is called, and what it was told. */
function setUp() {
  const told: string[] = [];
  const real: Reporter = {
    comeNear: (ids) => void told.push(`near ${ids.join()}`),
    watch: ({ id }) => ({
      run: (running) => void told.push(`${id} run ${running}`),
      at: (seconds) => void told.push(`${id} at ${seconds}`),
      showsPicture: (number) => void told.push(`${id} picture ${number}`),
      end: () => void told.push(`${id} end`),
    }),
    leftAt: () => null,
    leave: () => void told.push("leave"),
    hurry: () => void told.push("hurry"),
    forget: () => void told.push("forget"),
  };
  let loads = 0;
  let settle: { resolve(of: Reporter): void; reject(error: Error): void };
  const reporter = lazyReporter(() => {
    loads++;
    return new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
  });
  const video = (id: string) => ({ id, durationMs: 1_000 });
  const arrive = async () => {
    settle.resolve(real);
    await Promise.resolve();
  };
  const fail = async () => {
    settle.reject(new Error("no network"));
    await Promise.resolve();
  };
  return { reporter, told, video, arrive, fail, loads: () => loads };
}

test("it is loaded when something is seen, and told the last of each kind", async () => {
  const { reporter, told, video, arrive, loads } = setUp();
  const first = reporter.watch(video("1"), "feed");
  reporter.comeNear(["2", "3"]);
  first.run(false);
  expect(loads()).toBe(0);
  first.run(true);
  for (const seconds of [0.2, 0.4]) first.at(seconds, 1);
  expect(told).toEqual([]);
  await arrive();
  expect(told).toEqual(["near 2,3", "1 run true", "1 at 0.4"]);
  first.end();
  expect(told.at(-1)).toBe("1 end");
  expect(loads()).toBe(1);
});

test("what was there before it, and is seen only afterwards, is told", async () => {
  const { reporter, told, video, arrive } = setUp();
  const [first, second, third] = ["1", "2", "3"].map((id) => reporter.watch(video(id), "feed"));
  first!.run(true);
  third!.run(true);
  third!.end();
  await arrive();
  expect(told).toEqual(["near ", "1 run true"]);
  second!.run(true);
  third!.run(true);
  expect(told.slice(2)).toEqual(["2 run true", "3 run true"]);
});

test("where it does not come, the next that is seen asks again, and the oldest is forgotten", async () => {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { reporter, told, video, arrive, fail, loads } = setUp();
  const all = Array.from({ length: 12 }, (_, i) => reporter.watch(video(String(i)), "feed"));
  for (const one of all) one.run(true);
  expect(loads()).toBe(1);
  await fail();
  // Not four times a second, as films say where they are.
  all.at(-1)!.run(true);
  expect(loads()).toBe(1);
  vi.advanceTimersByTime(1_000);
  all.at(-1)!.run(true);
  expect(loads()).toBe(2);
  await arrive();
  expect(told.slice(1)).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 2} run true`));
});
