import { expect, onTestFinished, test, vi } from "vitest";
import { refusal } from "../errors/reasons.ts";
import { colourOf, inColour } from "../observe/trace-context.ts";
import { type Call, callController } from "./call.ts";
import { coalesce, coalesceById } from "./coalesce.ts";

const callFor = (leftMs: number, callerId?: string): Call => ({
  traceId: "0".repeat(32),
  deadlineMs: Date.now() + leftMs,
  callerId,
});

test("concurrent requests share one call, each id in it once, and each finds its own", async () => {
  const calls: string[][] = [];
  const load = coalesceById(
    async (ids) => {
      calls.push(ids);
      return ids.filter((id) => id !== "9").map((id) => ({ id, name: `<${id}>` }));
    },
    ({ id }) => id,
  );
  const [one, two] = await Promise.all([
    load(["1", "2"], callFor(60_000)),
    load(["2", "9", "3"], callFor(60_000)),
  ]);
  expect(calls).toEqual([["1", "2", "9", "3"]]);
  expect(one.get("2")).toEqual({ id: "2", name: "<2>" });
  expect([two.get("3")?.name, two.get("9")]).toEqual(["<3>", undefined]);
});

test("a shared call has no caller and the latest deadline; each request keeps its own", async () => {
  const seen: Call[] = [];
  let end = () => {};
  const ask = coalesce(async (asked: string[], call) => {
    seen.push(call);
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    return asked.map((one) => `<${one}>`);
  });
  // The deadline comes when both are under way.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  const patient: Call = { ...callFor(60_000, "7"), priority: "sheddable", sampled: true };
  const answered = ask("patient", patient);
  const hasty = expect(ask("hasty", callFor(50, "8"))).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  await expect.poll(() => seen.length).toBe(1);
  vi.advanceTimersByTime(50);
  await hasty;
  const { traceId, deadlineMs, sampled } = patient;
  // The other request had normal priority.
  expect(seen).toMatchObject([{ traceId, sampled, deadlineMs, priority: "normal" }]);
  expect(seen[0]!.callerId).toBeUndefined();
  end();
  expect(await answered).toBe("<patient>");
});

test("a shared call ends when all its requests are aborted", async () => {
  const seen: Call[] = [];
  const ask = coalesce(async (_asked: string[], call) => {
    seen.push(call);
    return new Promise<never>(() => {});
  });
  const askers = [callController(), callController()];
  const answers = askers.map(({ signal }) => ask("it", { ...callFor(60_000), signal }));
  const ends = answers.map((answer) => expect(answer).rejects.toMatchObject({ reason: "CALLER_GONE" }));
  await expect.poll(() => seen.length).toBe(1);
  expect(seen[0]!.signal!.aborted).toBe(false);
  for (const asker of askers) asker.abort(refusal("CALLER_GONE"));
  await Promise.all(ends);
  await expect.poll(() => seen[0]!.signal!.aborted).toBe(true);
});

test("a failure reaches those who shared the call, and no later request", async () => {
  let broken = true;
  const ask = coalesce(async (asked: number[]) => {
    if (broken) throw new Error("down");
    return asked;
  });
  const both = await Promise.allSettled([ask(1, callFor(60_000)), ask(2, callFor(60_000))]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  broken = false;
  expect(await ask(3, callFor(60_000))).toBe(3);
});

test("too many ids for one message are asked in several calls", async () => {
  const sizes: number[] = [];
  const load = coalesceById(
    async (ids) => {
      sizes.push(ids.length);
      return ids;
    },
    (id) => id,
  );
  const asked = Array.from({ length: 50 }, (_, i) =>
    Array.from({ length: 100 }, (_, j) => String(100 * i + j)),
  );
  const found = await Promise.all(asked.map((ids) => load(ids, callFor(60_000))));
  expect(sizes).toEqual([2000, 2000, 1000]);
  expect(found[49]!.get("4999")).toBe("4999");
});

test("large requests do not share a message, and each finds its own answer", async () => {
  const sizes: number[] = [];
  const ask = coalesce(
    async (asked: string[][]) => {
      sizes.push(asked.flat().length);
      return asked.map((ids) => ids[0]);
    },
    { idsIn: (ids) => ids.length },
  );
  const counts = [1500, 400, 200, 3000, 1, 1];
  const answers = await Promise.all(
    counts.map((count, i) =>
      ask(
        Array.from({ length: count }, () => String(i)),
        callFor(60_000),
      ),
    ),
  );
  expect(answers).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect(sizes).toEqual([1900, 200, 3000, 2]);
});

test("traffic of different colours is not merged, and each request finds its own answer", async () => {
  const seen: [string | undefined, string[]][] = [];
  const ask = coalesce(async (asked: string[], call) => {
    seen.push([colourOf(call.traceId), asked]);
    return asked.map((one) => `<${one}>`);
  });
  const colours = [undefined, "canary", undefined, "blue", "canary"];
  const answers = await Promise.all(
    colours.map((colour, i) => {
      const call = callFor(60_000);
      return ask(String(i), { ...call, traceId: inColour(call.traceId, colour) });
    }),
  );
  expect(answers).toEqual(["<0>", "<1>", "<2>", "<3>", "<4>"]);
  expect(seen).toEqual([
    [undefined, ["0", "2"]],
    ["canary", ["1", "4"]],
    ["blue", ["3"]],
  ]);
});
