import { expect, test, vi } from "vitest";
import { fairQueue } from "./fair-queue.ts";

const forever = new AbortController().signal;
const wide = { concurrency: 2, perKey: 1, maxWaiting: 100, maxWaitingPerKey: 50, maxWaitMs: 60_000 };

/** Work of several people that runs until the test ends it; records the order in which it began. */
function desk(options: Partial<typeof wide> = {}) {
  const queue = fairQueue({ ...wide, ...options });
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (key: string, name: string, signal = new AbortController().signal) => {
    const done = queue.run(key, signal, () => {
      began.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
    done.catch(() => {});
    return done;
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (name: string) => {
    ends.get(name)!();
    await settled();
  };
  return { queue, began, ask, settled, end };
}

test("keys are served in turn, however much one asks; none has more places than its own", async () => {
  const { began, ask, settled, end } = desk();
  for (let i = 0; i < 20; i++) ask("eve", `eve ${i}`);
  ask("ada", "ada 0");
  ask("ada", "ada 1");
  ask("ben", "ben 0");
  await settled();
  expect(began).toEqual(["eve 0", "ada 0"]);
  await end("eve 0");
  expect(began.at(-1)).toBe("ben 0");
  await end("ada 0");
  expect(began.at(-1)).toBe("eve 1");
  await end("ben 0");
  expect(began.at(-1)).toBe("ada 1");
  await end("ada 1");
  // The other places are free, and still one person keeps to their own.
  expect(began).toHaveLength(5);
});

test("queues are bounded, for one and for all", async () => {
  const { queue, ask } = desk({ maxWaiting: 10, maxWaitingPerKey: 4 });
  const mine = Array.from({ length: 30 }, (_, i) => ask("eve", String(i)));
  await expect(mine[5]).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS", retryAfterMs: 5_000 });
  await expect(Promise.any(mine.slice(5))).rejects.toThrow();
  expect(queue.waiting()).toBe(4);
  const others = Array.from({ length: 8 }, (_, i) => ask(`guest ${i}`, "x"));
  await expect(others.at(-1)).rejects.toMatchObject({
    kind: "exhausted",
    reason: "BUSY",
    retryAfterMs: 5_000,
  });
  expect(queue.waiting()).toBe(10);
});

test("an aborted or expired one leaves the queue, and failed work its place", async () => {
  const { queue, began, ask, end } = desk({ concurrency: 1 });
  ask("ada", "first");
  const gone = new AbortController();
  const left = ask("ben", "left", gone.signal);
  ask("cem", "stays");
  gone.abort(new Error("went away"));
  await expect(left).rejects.toThrow("went away");
  expect(queue.waiting()).toBe(1);
  await end("first");
  expect(began).toEqual(["first", "stays"]);
  await end("stays");
  await expect(queue.run("ada", forever, () => Promise.reject(new Error("failed")))).rejects.toThrow(
    "failed",
  );
  expect(await queue.run("ben", forever, async () => "in")).toBe("in");
  await expect(queue.run("ben", gone.signal, async () => "in")).rejects.toThrow("went away");

  vi.useFakeTimers();
  try {
    const slow = desk({ concurrency: 1, maxWaitMs: 1000 });
    slow.ask("ada", "first");
    const late = slow.ask("ben", "late");
    vi.advanceTimersByTime(1000);
    await expect(late).rejects.toMatchObject({ reason: "BUSY" });
    expect(slow.queue.waiting()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
