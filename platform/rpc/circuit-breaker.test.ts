import { expect, test } from "vitest";
import { createCircuitBreaker } from "./circuit-breaker.ts";

function breaker() {
  const clock = { nowMs: 0 };
  const one = createCircuitBreaker({ now: () => clock.nowMs, random: () => 0.5 });
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) {
      one.begin();
      one.failed();
    }
  };
  return { ...one, fail, clock };
}

test("it opens after failures in a row only", () => {
  const { fail, succeeded, state } = breaker();
  for (let i = 0; i < 10; i++) {
    fail(4);
    expect(state()).toBe("closed");
    succeeded();
  }
  fail(5);
  expect(state()).toBe("open");
});

test("one call at a time tries it, and it waits longer after each that fails", () => {
  const { fail, state, clock, begin, failed, openForMs } = breaker();
  fail(5);
  const waits = [];
  for (let i = 0; i < 10; i++) {
    waits.push(openForMs());
    clock.nowMs += openForMs();
    expect(state()).toBe("half-open");
    begin();
    expect(state()).toBe("open");
    failed();
    expect(state()).toBe("open");
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000]);
});

test("a success closes it, and a probe that nobody waits for leaves room for the next one", () => {
  const { fail, state, clock, begin, succeeded, abandoned, openForMs } = breaker();
  fail(5);
  clock.nowMs += openForMs();
  begin();
  abandoned();
  expect(state()).toBe("half-open");
  begin();
  succeeded();
  expect(state()).toBe("closed");
  fail(4);
  expect(state()).toBe("closed");
});

test("calls that were under way when it opened do not keep it open for longer", () => {
  const { fail, openForMs } = breaker();
  fail(5);
  const first = openForMs();
  fail(100);
  expect(openForMs()).toBe(first);
});
