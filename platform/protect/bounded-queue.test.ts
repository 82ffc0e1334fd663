import { afterEach, expect, test, vi } from "vitest";
import { type BoundedQueue, boundedQueue } from "./bounded-queue.ts";

afterEach(() => void vi.useRealTimers());

const far = Date.now() + 60_000;
/** Work that ends when the test says so. */
function task() {
  let end!: () => void;
  let started = false;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = async () => {
    started = true;
    await done;
  };
  return { work, end, started: () => started };
}

test("a number run, a number wait, the rest are refused at once with the time to retry", async () => {
  const queue = boundedQueue({ concurrency: 2, maxWaiting: 100, typicalMs: 50 });
  const tasks = Array.from({ length: 1000 }, task);
  const ends = tasks.map(({ work }) => queue.run(work, far).catch((error: unknown) => error));
  expect(tasks.filter(({ started }) => started())).toHaveLength(2);
  expect(queue.waiting()).toBe(100);
  expect(await ends.at(-1)).toMatchObject({ kind: "exhausted", reason: "BUSY", retryAfterMs: 2575 });
  for (const { end } of tasks) end();
  const results = await Promise.all(ends);
  expect(results.filter((error) => error !== undefined)).toHaveLength(898);
  expect(queue.waiting()).toBe(0);
});

test("first come, first served; never more at once than allowed, failures included", async () => {
  const queue = boundedQueue({ concurrency: 3, maxWaiting: 50, typicalMs: 1 });
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, i) =>
      queue.run(async () => {
        order.push(i);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (i % 5 === 0) throw new Error("failed");
        return i;
      }, far),
    ),
  );
  expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(most).toBe(3);
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(10);
  expect(await queue.run(async () => "free again", far)).toBe("free again");
});

test("one whose deadline passed in the queue is not begun, and the next is served", async () => {
  const queue = boundedQueue({ concurrency: 1, maxWaiting: 5, typicalMs: 1 });
  const first = task();
  const late = task();
  const running = queue.run(first.work, far);
  // The clock stands still, however busy the machine is.
  vi.useFakeTimers({ toFake: ["Date"] });
  const refused = expect(queue.run(late.work, Date.now() + 50)).rejects.toMatchObject({ reason: "BUSY" });
  const next = queue.run(async () => "served", far);
  expect(queue.waiting()).toBe(2);
  vi.setSystemTime(Date.now() + 51);
  first.end();
  await refused;
  expect(late.started()).toBe(false);
  expect(await next).toBe("served");
  await running;
});

test("nobody joins a queue in which the deadline would pass; the duration of one is measured", async () => {
  const queue = boundedQueue({ concurrency: 1, maxWaiting: 1000, typicalMs: 10 });
  const first = task();
  const running = queue.run(first.work, far);
  // The clock stands still, however busy the machine is.
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  const soon = Date.now() + 200;
  const results = Array.from({ length: 100 }, () =>
    queue.run(async () => {}, soon).catch((error: unknown) => error),
  );
  // 9 are ahead of a new one, which would be done after 110 ms, more than half of the time.
  expect(queue.waiting()).toBeLessThan(12);
  expect(queue.waiting()).toBeGreaterThan(3);
  expect(await results.at(-1)).toMatchObject({ reason: "BUSY" });
  first.end();
  await running;
  await Promise.all(results);
});

test("one that did not wait runs, however slow the machine has been", async () => {
  const queue = boundedQueue({ concurrency: 1, maxWaiting: 1, typicalMs: 60 * 60_000 });
  expect(await queue.run(async () => "done", Date.now() + 30_000)).toBe("done");
});

test("a clock jump, as after a suspend, makes nothing look slow", async () => {
  const queue = boundedQueue({ concurrency: 1, maxWaiting: 10, typicalMs: 10 });
  const now = Date.now;
  await queue.run(async () => {
    Date.now = () => now() + 8 * 60 * 60_000;
  }, far);
  Date.now = now;
  const first = task();
  const running = queue.run(first.work, far);
  const next = queue.run(async () => "in line", far).catch((error: unknown) => error);
  first.end();
  await running;
  expect(await next).toBe("in line");
});

test("one that took very long counts for no more than ten", async () => {
  const queue = boundedQueue({ concurrency: 1, maxWaiting: 1, typicalMs: 1000 });
  const now = performance.now;
  await queue.run(async () => {
    performance.now = () => now.call(performance) + 8 * 60 * 60_000;
  }, far);
  performance.now = now;
  expect(await learned(queue)).toBeCloseTo(1900, 0);
});

test("one that was not begun does not change the measured duration", async () => {
  const queue = boundedQueue({ concurrency: 1, maxWaiting: 50, typicalMs: 10_000 });
  const first = task();
  const refused = Array.from({ length: 50 }, task);
  const running = queue.run(first.work, far);
  // All would be done within half of the present time, but no time is left when they are next.
  const now = Date.now;
  const soon = now() + 1_200_000;
  const late = refused.map(({ work }) => queue.run(work, soon).catch((error: unknown) => error));
  expect(queue.waiting()).toBe(50);
  Date.now = () => now() + 1_200_000;
  first.end();
  const ends = await Promise.all(late);
  Date.now = now;
  await running;
  for (const end of ends) expect(end).toMatchObject({ reason: "BUSY" });
  // One sample of almost zero, the first; fifty more would have left 50 ms.
  expect(await learned(queue)).toBeGreaterThanOrEqual(9000);
});

/** The average duration, as the retry time of a refused one tells it. */
async function learned(queue: BoundedQueue): Promise<number> {
  const first = task();
  const running = queue.run(first.work, far);
  const refused = await queue
    .run(async () => {}, Date.now())
    .catch((error: { retryAfterMs: number }) => error);
  first.end();
  await running;
  // With an empty queue: its own place and the running one.
  return refused!.retryAfterMs / 2;
}
