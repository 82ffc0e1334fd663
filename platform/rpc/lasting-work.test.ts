import { expect, test } from "vitest";
import { lastingWork } from "./lasting-work.ts";

/** Work that ends when it is told to, or by its signal. */
function startable() {
  const stopping = new AbortController();
  const works = lastingWork<string>(stopping.signal);
  const end: ((answer: string) => void)[] = [];
  const start = (key: string) =>
    works.start(key, ({ signal }) => {
      const { promise, resolve, reject } = pending();
      signal.addEventListener("abort", () => reject(signal.reason));
      end.push(resolve);
      return promise;
    });
  return { works, start, end, stopping };
}

function pending() {
  let resolve!: (answer: string) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<string>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

test("who asks again finds the latest work of a key, for as long as it is under way", async () => {
  const { works, start, end } = startable();
  expect(works.find("a")).toBeUndefined();
  const [first, second] = [start("a"), start("a")];
  expect(works.find("a")).toBe(second);
  expect(works.find("b")).toBeUndefined();
  end[0]!("first");
  expect(await first).toBe("first");
  expect(works.find("a")).toBe(second);
  end[1]!("second");
  expect(await second).toBe("second");
  expect(works.find("a")).toBeUndefined();
});

test("a stop ends all of it, and what nobody waits for harms nobody", async () => {
  const { works, start, stopping } = startable();
  void start("a");
  void start("a");
  void start("b");
  let settled = false;
  const all = works.settled().then(() => {
    settled = true;
  });
  void works.start("c", () => Promise.reject(new Error("nobody hears of this")));
  await new Promise(setImmediate);
  expect(settled).toBe(false);
  stopping.abort(new Error("stopped"));
  await all;
  expect([works.find("a"), works.find("b")]).toEqual([undefined, undefined]);
});
