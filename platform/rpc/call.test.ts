import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { callController, withinDeadline } from "./call.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());
const refuse = () => {
  throw new Error("no");
};

test.each<[string, () => Promise<unknown>]>([
  ["answers", async () => "yes"],
  ["is refused", async () => refuse()],
  ["is refused before anything was promised", refuse],
])("a call that %s leaves nothing behind", async (_how, work) => {
  const caller = callController();
  const removed = vi.spyOn(caller.signal, "removeEventListener");
  const call = { traceId: "", deadlineMs: Date.now() + 30_000, signal: caller.signal };
  await Promise.allSettled([withinDeadline(call, work)]);
  expect(vi.getTimerCount()).toBe(0);
  expect(removed).toHaveBeenCalled();
});

test("nor does one whose caller is gone, although its work goes on", async () => {
  const caller = callController();
  const call = { traceId: "", deadlineMs: Date.now() + 30_000, signal: caller.signal };
  const answer = withinDeadline(call, () => new Promise(() => {}));
  caller.abort(new Error("gone"));
  await expect(answer).rejects.toThrow("gone");
  expect(vi.getTimerCount()).toBe(0);
});
