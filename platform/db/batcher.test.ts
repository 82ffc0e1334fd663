import { expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { createBatcher } from "./batcher.ts";

/** A batcher whose batches end when the test says so. */
function held<K = number>(options: Parameters<typeof createBatcher<K, string>>[1] = {}) {
  const batches: { keys: K[]; end(): void; fail(error: Error): void }[] = [];
  const ask = createBatcher<K, string>(
    (keys) =>
      new Promise((resolve, reject) =>
        batches.push({ keys, end: () => resolve(keys.map((key) => `<${key}>`)), fail: reject }),
      ),
    options,
  );
  const begun = (count: number) => expect.poll(() => batches.length, { interval: 1 }).toBe(count);
  return { ask, batches, begun };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("concurrent requests share a batch, and each gets its own answer", async () => {
  const { ask, batches, begun } = held();
  const answers = Promise.all([3, 1, 2, 1].map((key) => ask(key)));
  await begun(1);
  expect(batches[0]!.keys).toEqual([3, 1, 2, 1]);
  batches[0]!.end();
  expect(await answers).toEqual(["<3>", "<1>", "<2>", "<1>"]);
});

test("a request during a batch is answered from the next", async () => {
  const { ask, batches, begun } = held();
  const first = ask(1);
  await begun(1);
  const later = Promise.all([ask(1), ask(2)]);
  await turn();
  await turn();
  expect(batches).toHaveLength(1);
  batches[0]!.end();
  await first;
  await begun(2);
  expect(batches[1]!.keys).toEqual([1, 2]);
  batches[1]!.end();
  expect(await later).toEqual(["<1>", "<2>"]);
});

test("an error reaches every request of its batch and no other", async () => {
  const { ask, batches, begun } = held();
  const first = Promise.allSettled([ask(1), ask(2)]);
  await begun(1);
  const second = ask(3);
  batches[0]!.fail(new Error("no such table"));
  expect((await first).map((result) => result.status)).toEqual(["rejected", "rejected"]);
  await begun(2);
  batches[1]!.end();
  expect(await second).toBe("<3>");
});

test("a batch that throws before it begins is an error too", async () => {
  const ask = createBatcher((): Promise<string[]> => {
    throw new Error("bug");
  });
  await expect(ask(1)).rejects.toThrow("bug");
  await expect(ask(2)).rejects.toThrow("bug");
});

test("a full queue refuses with the time to retry, and accepts more once it is emptier", async () => {
  const { ask, batches, begun } = held({ maxBatch: 2, maxWaiting: 3 });
  const started = [ask(1), ask(2)];
  await begun(1);
  const waiting = [ask(3), ask(4), ask(5)];
  await expect(ask(6)).rejects.toMatchObject({ kind: "exhausted", reason: "BUSY", retryAfterMs: 1000 });
  batches[0]!.end();
  await begun(2);
  const late = ask(7);
  batches[1]!.end();
  await begun(3);
  expect(batches.map(({ keys }) => keys)).toEqual([
    [1, 2],
    [3, 4],
    [5, 7],
  ]);
  batches[2]!.end();
  expect(await Promise.all([...started, ...waiting, late])).toHaveLength(6);
});

test("with `parallel` so many batches run at once, and no more", async () => {
  const { ask, batches, begun } = held({ maxBatch: 10, parallel: 2 });
  const answers = Promise.all(Array.from({ length: 30 }, (_, i) => ask(i)));
  await begun(2);
  await turn();
  expect(batches).toHaveLength(2);
  batches[1]!.end();
  await begun(3);
  batches[0]!.end();
  batches[2]!.end();
  expect(await answers).toHaveLength(30);
});

const gone = new Error("nobody waits any more");

test("an aborted request is not begun, and frees its place", async () => {
  const { ask, batches, begun } = held({ maxWaiting: 2 });
  const first = ask(1);
  await begun(1);
  const asker = new AbortController();
  const dropped = Promise.allSettled([ask(2, asker), ask(3, asker)]);
  await expect(ask(4)).rejects.toMatchObject({ reason: "BUSY" });
  asker.abort(gone);
  expect(await dropped).toEqual([1, 2].map(() => ({ status: "rejected", reason: gone })));
  await expect(ask(5, asker)).rejects.toBe(gone);
  const last = ask(6);
  batches[0]!.end();
  await begun(2);
  expect(batches[1]!.keys).toEqual([6]);
  batches[1]!.end();
  expect(await Promise.all([first, last])).toEqual(["<1>", "<6>"]);
});

test("after an aborted request the next with the same conflict key runs", async () => {
  const { ask, batches, begun } = held<string>({ conflict: (key) => key[0]!, parallel: 2 });
  const asker = new AbortController();
  const [first, dropped, last] = [ask("a1"), ask("a2", asker), ask("a3")];
  dropped.catch(() => {});
  await begun(1);
  asker.abort(gone);
  batches[0]!.end();
  await begun(2);
  expect(batches[1]!.keys).toEqual(["a3"]);
  batches[1]!.end();
  expect(await Promise.all([first, last])).toEqual(["<a1>", "<a3>"]);
});

test("a batch in progress lasts as long as a request waits for it", async () => {
  const signals: AbortSignal[] = [];
  const ask = createBatcher<number, number>(async (_keys, { signal }) => {
    signals.push(signal);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const [one, two] = [new AbortController(), new AbortController()];
  const both = Promise.allSettled([ask(1, one), ask(2, two)]);
  await expect.poll(() => signals.length).toBe(1);
  one.abort(gone);
  expect(signals[0]!.aborted).toBe(false);
  two.abort(gone);
  await expect.poll(() => signals[0]!.reason).toBe(gone);
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  // A request without a signal waits forever.
  const hasty = new AbortController();
  const dropped = Promise.allSettled([ask(3, hasty)]);
  void ask(4);
  await expect.poll(() => signals.length).toBe(2);
  hasty.abort(gone);
  await dropped;
  expect(signals[1]!.aborted).toBe(false);
});

test("of requests with the same conflict key one runs at a time, in order", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      fc.scheduler(),
      async (names, parallel, scheduler) => {
        const seen: string[] = [];
        const underWay = new Set<string>();
        const ask = createBatcher<{ name: string; place: number }, string>(
          async (keys) => {
            for (const { name } of keys) {
              expect(underWay).not.toContain(name);
              underWay.add(name);
            }
            await scheduler.schedule(Promise.resolve());
            seen.push(...keys.map(({ name, place }) => `${name}${place}`));
            for (const { name } of keys) underWay.delete(name);
            return keys.map(({ name, place }) => `${name}${place}`);
          },
          { maxBatch: 2, parallel, conflict: ({ name }) => name },
        );
        const wanted = names.map((name, place) => `${name}${place}`);
        const answers = Promise.all(names.map((name, place) => ask({ name, place })));
        expect(await scheduler.waitFor(answers)).toEqual(wanted);
        for (const name of ["a", "b", "c"]) {
          const of = (list: string[]) => list.filter((entry) => entry.startsWith(name));
          expect(of(seen)).toEqual(of(wanted));
        }
      },
    ),
    { numRuns: 50 },
  ));
