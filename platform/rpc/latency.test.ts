import { expect, test } from "vitest";
import { createLatency } from "./latency.ts";

test("the 95th percentile of the recent calls, once there are enough", () => {
  const latency = createLatency();
  for (let i = 1; i <= 63; i++) latency.record(i);
  expect(latency.p95()).toBeUndefined();
  for (let i = 64; i <= 96; i++) latency.record(i);
  expect(latency.p95()).toBe(92);
  for (let i = 0; i < 512; i++) latency.record(1_000);
  expect(latency.p95()).toBe(1_000);
});
