import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { randomOf, testSeed } from "../testing/random.ts";
import { type AdmissionRequest, createAdmission } from "./admission.ts";
import { rankOf } from "./shedding.ts";

/** Requests a second that the simulated processor can do, each of which takes 2 ms of it. */
const capacity = 500;
const workMs = 1000 / capacity;
const [sheddable, normal, essential] = [0, 1, 2];
let seed = testSeed("admission");
let named = 0;
const anybody = () => `somebody ${named++}`;

interface Asked {
  request: AdmissionRequest;
  atMs: number;
  leftMs: number;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Timers in a list for each millisecond. Vitest's clock looks through all of them for each that is due. */
function steppedClock() {
  let nowMs = 0;
  const due = new Map<number, (() => void)[]>();
  vi.stubGlobal("setTimeout", (act: () => void, ms: number) => {
    const atMs = nowMs + Math.max(1, Math.floor(ms));
    const acts = due.get(atMs) ?? [];
    due.set(atMs, acts);
    acts.push(act);
    return { unref() {} };
  });
  return {
    nowMs: () => nowMs,
    step() {
      nowMs++;
      for (const act of due.get(nowMs) ?? []) act();
      due.delete(nowMs);
    },
  };
}

/**
 * Clients that ask at random moments, `load` times as much as can be done, for `seconds`; of these the last half counts.
 * `callersShed`: they are told the line with each answer, and believe it for a second.
 */
function simulate(load: number, seconds: number, { callersShed = false } = {}) {
  const random = randomOf(seed++);
  const { nowMs, step } = steppedClock();
  const admission = createAdmission({ loopDelayMs: () => 0, nowMs, random: random.next, callersShed });
  let known = { line: 0, untilMs: 0 };
  let arrived = 0;
  const running = new Set<Asked>();
  const outcomes = new Map<string, { done: number; refused: number }>();
  const tookMs: number[] = [];
  let counted = 0;
  const of = (name: string) => {
    const outcome = outcomes.get(name) ?? { done: 0, refused: 0 };
    outcomes.set(name, outcome);
    return outcome;
  };
  for (let ms = 0; ms < seconds * 1000; ms++) {
    const counts = ms >= seconds * 500;
    const arrivals = (load * capacity) / 1000;
    for (let due = Math.floor(arrivals) + (random.chance(arrivals % 1) ? 1 : 0); due > 0; due--) {
      const priority = random.of([sheddable, normal, normal, essential]);
      const asker = `person ${random.below(100)}`;
      const asked: Asked = { request: { priority, asker }, atMs: ms, leftMs: workMs };
      if (callersShed && ms < known.untilMs && rankOf(priority, asker) < known.line) {
        if (counts) of(`priority ${priority}`).refused++;
        if (counts && priority === normal) of(asker).refused++;
        continue;
      }
      if (counts) arrived++;
      admission.enter(asked.request, (refused) => {
        if (!refused) running.add(asked);
        else known = { line: admission.line(), untilMs: ms + 1_000 };
        if (counts && refused) {
          of(`priority ${priority}`).refused++;
          if (priority === normal) of(asker).refused++;
        }
      });
    }
    // A millisecond of the processor, shared by all that run.
    let left = 1;
    while (left > 1e-9 && running.size > 0) {
      const each = Math.min(left / running.size, ...[...running].map(({ leftMs }) => leftMs));
      left -= each * running.size;
      for (const asked of [...running]) {
        asked.leftMs -= each;
        if (asked.leftMs > 1e-9) continue;
        running.delete(asked);
        admission.leave(asked.request);
        known = { line: admission.line(), untilMs: ms + 1_000 };
        if (!counts) continue;
        counted++;
        tookMs.push(ms - asked.atMs);
        const { priority, asker } = asked.request;
        of(`priority ${priority}`).done++;
        if (priority === normal) of(asker).done++;
      }
    }
    step();
  }
  tookMs.sort((a, b) => a - b);
  const p99Ms = tookMs[Math.floor(tookMs.length * 0.99)]!;
  return { goodput: counted / (seconds / 2), arriving: arrived / (seconds / 2), p99Ms, outcomes, shareOf };

  function shareOf(name: string): number {
    const { done, refused } = of(name);
    return done / (done + refused);
  }
}

describe("admission", () => {
  test("nobody is turned away while there is room", () => {
    const { outcomes, goodput } = simulate(0.8, 10);
    expect([...outcomes.values()].reduce((sum, { refused }) => sum + refused, 0)).toBe(0);
    expect(goodput).toBeGreaterThan(0.75 * capacity);
  });

  test.each([2, 4, 10])("at %d times what can be done, it is done all the same, and in time", (load) => {
    const runs = Array.from({ length: 3 }, () => simulate(load, 20));
    for (const { goodput } of runs) expect(goodput).toBeGreaterThan(0.85 * capacity);
    // Nobody waits longer than 200 ms, and twenty at once take 40. Of a hundred runs one has more at once for a while.
    const [, p99Ms] = runs.map((run) => run.p99Ms).sort((a, b) => a - b);
    expect(p99Ms).toBeLessThan(300);
  });

  test("what is important goes first", () => {
    const { shareOf } = simulate(2, 20);
    expect(shareOf("priority 2")).toBeGreaterThan(0.98);
    expect(shareOf("priority 0")).toBeLessThan(0.1);
  });

  test("within a priority it works for some people and not for others, instead of now and then for all", () => {
    const { outcomes, shareOf } = simulate(2, 20);
    const shares = [...outcomes.keys()].filter((name) => name.startsWith("person")).map(shareOf);
    const decided = shares.filter((share) => share > 0.9 || share < 0.1);
    // At random it would be none.
    expect(decided.length / shares.length).toBeGreaterThan(0.5);
    expect(shares.some((share) => share > 0.9)).toBe(true);
  });

  test.each([
    2, 5,
  ])("asked for %i times as much by callers that know the line, it is hardly asked for more than it can do", (load) => {
    const { goodput, arriving, p99Ms, shareOf } = simulate(load, 20, { callersShed: true });
    expect(goodput).toBeGreaterThan(0.8 * capacity);
    expect(arriving).toBeLessThan(1.3 * capacity);
    expect(p99Ms).toBeLessThan(300);
    expect(shareOf("priority 2")).toBeGreaterThan(load === 2 ? 0.97 : 0.6);
    expect(shareOf("priority 0")).toBeLessThan(0.1);
  });

  test("a place is given back once, however often its request is over", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const enter = () => {
      const request: AdmissionRequest = { priority: normal, asker: anybody() };
      const outcome: unknown[] = [];
      admission.enter(request, (refused) => outcome.push(refused ? "refused" : "in"));
      return { request, outcome };
    };
    const all = Array.from({ length: 23 }, enter);
    expect(admission.waiting()).toBe(3);
    admission.leave(all[0]!.request);
    admission.leave(all[0]!.request);
    expect(all.slice(20).map(({ outcome }) => outcome)).toEqual([["in"], [], []]);
  });

  test("who goes while it waits makes room for the next one, and is let in no more", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const entered: number[] = [];
    const all = Array.from({ length: 23 }, (_, i) => {
      const request: AdmissionRequest = { priority: normal, asker: anybody() };
      admission.enter(request, () => entered.push(i));
      return request;
    });
    admission.leave(all[20]!);
    admission.leave(all[20]!);
    expect(admission.waiting()).toBe(2);
    admission.leave(all[0]!);
    expect(entered.slice(20)).toEqual([21]);
  });

  test("requests that wait for somebody else give their places to others, and the number of those is bounded", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const hung: AdmissionRequest[] = [];
    const enter = () => {
      const request = { priority: normal, asker: anybody() };
      let outcome = "waits";
      admission.enter(request, (error) => {
        outcome = error ? "refused" : "in";
      });
      return { request, outcome: () => outcome };
    };
    for (let i = 0; i < 20; i++) hung.push(enter().request);
    expect(enter().outcome()).toBe("waits");
    vi.advanceTimersByTime(600);
    const next = enter();
    expect(next.outcome()).toBe("in");
    for (const request of hung) admission.leave(request);
    admission.leave(next.request);
    for (let i = 0; i < 20; i++) expect(enter().outcome()).toBe("in");
    expect(enter().outcome()).toBe("waits");
    for (let i = 0; i < 40; i++) {
      vi.advanceTimersByTime(600);
      for (let j = 0; j < 20; j++) enter();
    }
    vi.advanceTimersByTime(600);
    expect(enter().outcome()).not.toBe("in");
  });

  test("in a full line, who is less important makes room", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const enter = (priority: number) => {
      const outcome: string[] = [];
      admission.enter({ priority, asker: anybody() }, (error) => outcome.push(error ? "refused" : "in"));
      return outcome;
    };
    for (let i = 0; i < 20; i++) expect(enter(normal)).toEqual(["in"]);
    const line = Array.from({ length: 1_000 }, () => enter(normal));
    expect(enter(normal)).toEqual(["refused"]);
    expect(enter(essential)).toEqual([]);
    expect(line.filter(([outcome]) => outcome === "refused")).toHaveLength(1);
    expect(admission.waiting()).toBe(1_000);
  });

  test("in a line that is never empty only who is most important waits on", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const held = Array.from({ length: 20 }, (): AdmissionRequest => ({ priority: normal, asker: anybody() }));
    for (const request of held) admission.enter(request, () => {});
    const enter = (priority: number) => {
      const outcome: string[] = [];
      admission.enter({ priority, asker: anybody() }, (error) => outcome.push(error ? "refused" : "in"));
      return outcome;
    };
    for (let ms = 0; ms < 420; ms += 5) {
      enter(normal);
      vi.advanceTimersByTime(5);
    }
    const [late, important] = [enter(normal), enter(essential)];
    vi.advanceTimersByTime(60);
    expect([admission.waiting(), important]).toEqual([1, []]);
    admission.leave(held[0]!);
    expect(important).toEqual(["in"]);
    // Who was turned away may get the answer a little later.
    vi.advanceTimersByTime(500);
    expect(late).toEqual(["refused"]);
  });

  test("a burst outlasts a database that stalls for a moment, and a process that stood still", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const enter = () => {
      const request: AdmissionRequest = { priority: normal, asker: anybody() };
      const outcome: string[] = [];
      admission.enter(request, (error) => outcome.push(error ? "refused" : "in"));
      return { request, outcome };
    };
    const burst = () => Array.from({ length: 60 }, enter);
    const answer = (requests: ReturnType<typeof burst>) => {
      for (const { request } of requests) admission.leave(request);
      return requests.map(({ outcome }) => outcome[0]);
    };
    const first = burst();
    vi.advanceTimersByTime(130);
    expect(answer(first)).not.toContain("refused");
    const second = burst();
    // Timers come before the answers that arrived meanwhile.
    vi.setSystemTime(Date.now() + 400);
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 400);
    vi.advanceTimersToNextTimer();
    expect(answer(second)).not.toContain("refused");
    vi.restoreAllMocks();
  });

  test("who asks again as soon as they are turned away gets their answer later and later, and is forgiven", () => {
    const { nowMs, step } = steppedClock();
    const admission = createAdmission({ loopDelayMs: () => 0, nowMs });
    const window = (requests: number) => {
      let holdMs = 0;
      for (let i = 0; i < requests; i++) {
        const request = { priority: normal, asker: anybody() };
        const turnedAway = admission.judge(request);
        if (turnedAway) holdMs = turnedAway.holdMs;
        else admission.enter(request, (error) => error ?? setTimeout(() => admission.leave(request), 5));
      }
      for (let ms = 0; ms < 250; ms++) step();
      return holdMs;
    };
    const holds = Array.from({ length: 20 }, () => window(2_000));
    expect(holds.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(Math.max(...holds)).toBe(500);
    for (let i = 0; i < 80; i++) window(1);
    expect(window(20)).toBe(0);
    expect(admission.shedShare()).toBe(0);
  });

  test("after a stall in which nothing was done, everybody is let in again within seconds", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const random = randomOf(testSeed("after a stall"));
    const held: AdmissionRequest[] = [];
    let stalled = true;
    let refused = 0;
    const second = (perSecond: number) => {
      refused = 0;
      for (let i = 0; i < perSecond; i++) {
        const request = { priority: random.below(3), asker: `person ${random.below(50)}` };
        admission.enter(request, (error) => {
          if (error) refused++;
          else if (stalled) held.push(request);
          else admission.leave(request);
        });
        vi.advanceTimersByTime(1000 / perSecond);
      }
    };
    for (let i = 0; i < 5; i++) second(500);
    expect(refused).toBeGreaterThan(0);
    stalled = false;
    for (const request of held.splice(0)) admission.leave(request);
    for (let i = 0; i < 5; i++) second(500);
    expect(refused).toBe(0);
  });

  test("after an overload everybody is let in again", () => {
    const admission = createAdmission({ loopDelayMs: () => 0 });
    const enter = () => {
      const request = { priority: sheddable, asker: anybody() };
      let outcome = "waits";
      admission.enter(request, (refused) => {
        outcome = refused ? "refused" : "in";
      });
      return { request, outcome: () => outcome };
    };
    const first = Array.from({ length: 3_000 }, enter);
    expect(first.filter(({ outcome }) => outcome() === "in")).toHaveLength(20);
    expect(first.filter(({ outcome }) => outcome() === "waits")).toHaveLength(1_000);
    expect(first.filter(({ outcome }) => outcome() === "refused")).toHaveLength(1_980);
    vi.advanceTimersByTime(1_000);
    expect(admission.waiting()).toBe(0);
    for (const { request, outcome } of first) if (outcome() === "in") admission.leave(request);
    vi.advanceTimersByTime(5_000);
    expect(enter().outcome()).toBe("in");
    expect(admission.shedShare()).toBeLessThan(1);
  });
});
