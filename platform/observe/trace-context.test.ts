import { expect, test } from "vitest";
import { readTraceContext, traceparent } from "./trace-context.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const span = "b7ad6b7169203331";

test("goes on as it came in", () => {
  const given = `00-${trace}-${span}-01`;
  const read = readTraceContext(given, "rojo=00f067aa0ba902b7");
  expect(read).toEqual({ traceId: trace, spanId: span, sampled: true, traceState: "rojo=00f067aa0ba902b7" });
  expect(traceparent(read)).toBe(given);
  expect(traceparent(readTraceContext(`00-${trace}-${span}-00`))).toBe(`00-${trace}-${span}-00`);
});

test("of a later version is read by what this one knows", () => {
  expect(readTraceContext(`cc-${trace}-${span}-03-what-the-future-holds`)).toMatchObject({
    traceId: trace,
    sampled: true,
  });
});

test.each([
  undefined,
  "",
  `ff-${trace}-${span}-01`,
  `00-${"0".repeat(32)}-${span}-01`,
  `00-${trace}-${"0".repeat(16)}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${trace}-${span}`,
  `00-${trace}-${span}-01x`,
  `00-${trace}-${span}-01-more`,
  `00-${trace}`,
  [`00-${trace}-${span}-01`, `00-${trace}-${span}-01`],
])("that is invalid begins a new trace: %s", (given) => {
  const read = readTraceContext(given, "rojo=1");
  expect(read).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(read.traceId).not.toBe(trace);
  expect(readTraceContext(traceparent(read)).traceId).toBe(read.traceId);
});

test("drops a state that is too long", () => {
  expect(readTraceContext(`00-${trace}-${span}-01`, "a".repeat(513)).traceState).toBeUndefined();
});

test.each(["a=\u00e9", "a=1\t", "a=\u{1f600}"])("drops a state that no call can carry: %j", (state) => {
  expect(readTraceContext(`00-${trace}-${span}-01`, state).traceState).toBeUndefined();
});
