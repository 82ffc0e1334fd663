import { Metadata, status } from "@grpc/grpc-js";
import { expect, test, vi } from "vitest";
import { hedged } from "./hedging.ts";

const lost = Object.assign(new Error("lost"), {
  code: status.UNAVAILABLE,
  details: "Connection dropped",
  metadata: new Metadata(),
});

function exchange() {
  let answer!: (text: string) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<unknown>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  promise.catch(() => {});
  return { answer: promise, cancel: vi.fn(), give: answer, fail };
}

test.each([0, 1])("the faster of two answers, and the other is cancelled: %i", async (faster) => {
  const both = [exchange(), exchange()];
  const another = vi.fn(() => both[1]);
  const answer = hedged(both[0]!, { afterMs: 0, another });
  await expect.poll(() => another.mock.calls.length).toBe(1);
  both[faster]!.give("first");
  expect(await answer).toBe("first");
  expect(both.map(({ cancel }) => cancel.mock.calls.length)).toEqual(faster === 0 ? [0, 1] : [1, 0]);
});

test("nobody else is asked when the answer is in time, or nobody may be", async () => {
  const [one, two] = [exchange(), exchange()];
  const another = vi.fn(() => undefined);
  const inTime = hedged(one, { afterMs: 3_600_000, another });
  one.give("in time");
  expect(await inTime).toBe("in time");
  expect(another).not.toHaveBeenCalled();
  const declined = hedged(two, { afterMs: 0, another });
  await expect.poll(() => another.mock.calls.length).toBe(1);
  two.give("alone");
  expect(await declined).toBe("alone");
});

test("one that is lost leaves the answer to the other; when both are, that is the answer", async () => {
  for (const last of ["answers", "is lost"]) {
    const both = [exchange(), exchange()];
    const another = vi.fn(() => both[1]);
    const answer = hedged(both[0]!, { afterMs: 0, another });
    await expect.poll(() => another.mock.calls.length).toBe(1);
    both[0]!.fail(lost);
    if (last === "answers") both[1]!.give("here");
    else both[1]!.fail(lost);
    if (last === "answers") expect(await answer).toBe("here");
    else await expect(answer).rejects.toBe(lost);
  }
});
