import { expect, test } from "vitest";
import { refusal } from "#contracts/reasons.ts";
import { deadlineExceeded } from "#platform/rpc/call.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { Part } from "../edge/route-table.ts";
import { optionalPart } from "./optional-part.ts";

function publicCall(signal?: AbortSignal): PublicCall {
  return {
    traceId: "0".repeat(32),
    deadlineMs: Date.now() + 10_000,
    missing: new Set(),
    without: ["likes", "works", "reactions"],
    switchedOff: new Set(["reactions"]),
    signal,
  };
}

test("a page is shown without a part that its service did not deliver in time, which is logged", async () => {
  const said: string[] = [];
  const optional = optionalPart({ warn: (_: unknown, words?: string) => said.push(words!) } as never);
  const call = publicCall(new AbortController().signal);
  expect(await optional(call, "likes", () => Promise.reject(deadlineExceeded()))).toBe(undefined);
  expect([...call.missing]).toEqual(["likes"]);
  expect(said).toEqual(["shown without likes"]);
});

// Others may share the page of a caller who hung up.
test("no incomplete page is made once the caller has hung up, and nothing is logged", async () => {
  const said: string[] = [];
  const optional = optionalPart({ warn: (_: unknown, words?: string) => said.push(words!) } as never);
  const client = new AbortController();
  const call = publicCall(client.signal);
  const part = optional(
    call,
    "likes",
    () =>
      new Promise((_, reject) => client.signal.addEventListener("abort", () => reject(client.signal.reason))),
  );
  client.abort(refusal("CALLER_GONE"));
  await expect(part).rejects.toMatchObject({ reason: "CALLER_GONE" });
  expect([...call.missing]).toEqual([]);
  expect(said).toEqual([]);
});

test("a part that the route cannot do without is the failure of the whole answer", async () => {
  const optional = optionalPart({ warn: () => {} } as never);
  const call = publicCall();
  await expect(optional(call, "relations", () => Promise.reject(deadlineExceeded()))).rejects.toThrow();
  expect([...call.missing]).toEqual([]);
});

test("while a service is down, not every page logs it", async () => {
  const said: string[] = [];
  let nowMs = 0;
  const log = { warn: (_: unknown, words?: string) => said.push(words!) };
  const optional = optionalPart(log as never, () => nowMs);
  const show = (what: Part) => optional(publicCall(), what, () => Promise.reject(deadlineExceeded()));
  for (let page = 0; page < 50; page++) for (const what of ["likes", "works"] as const) await show(what);
  expect(said).toEqual(["shown without likes", "shown without works"]);
  nowMs += 60_000;
  await show("likes");
  expect(said).toEqual(["shown without likes", "shown without works", "shown without likes"]);
});

test("a part that is switched off is not asked for, and the page says that it lacks it", async () => {
  const optional = optionalPart({ warn: () => {} } as never);
  const call = publicCall();
  let asked = 0;
  expect(await optional(call, "reactions", async () => asked++)).toBe(undefined);
  expect([asked, ...call.missing]).toEqual([0, "reactions"]);
  expect(await optional(call, "likes", async () => "three")).toBe("three");
});
