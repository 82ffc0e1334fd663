import { describe, expect, test } from "vitest";
import { guessLimit } from "./guess-limit.ts";

const minute = 60_000;
function limited() {
  let now = 1_000_000_000_000;
  const limit = guessLimit({ burst: 100, nowMs: () => now });
  const attempt = (key = "ada") => {
    try {
      return limit.take(key);
    } catch (error) {
      return (error as { retryAfterMs: number }).retryAfterMs;
    }
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { limit, attempt, pass };
}

describe("guesses", () => {
  test("a hundred, then each waits twice as long as the one before", () => {
    const { attempt, pass } = limited();
    for (let i = 0; i < 100; i++) expect(attempt()).toBeTypeOf("object");
    const waits = [];
    for (let i = 0; i < 4; i++) {
      const waitMs = attempt() as number;
      expect(waitMs).toBeTypeOf("number");
      waits.push(Math.round(waitMs / minute));
      pass(waitMs);
      expect(attempt()).toBeTypeOf("object");
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    expect(attempt("ben")).toBeTypeOf("object");
  });

  test("whoever goes on for a day gets few more than a hundred an hour at first, and four an hour in the end", () => {
    const { attempt, pass } = limited();
    const inHour = Array.from({ length: 24 }, () => {
      let guesses = 0;
      for (let i = 0; i < 60; i++) {
        for (let j = 0; j < 5; j++) if (typeof attempt() === "object") guesses++;
        pass(minute);
      }
      return guesses;
    });
    expect(inHour[0]).toBeLessThanOrEqual(110);
    for (const later of inHour.slice(2)) expect(later).toBeLessThanOrEqual(5);
  });

  test("many at once are counted before any is known to be wrong, and the right ones are given back", () => {
    const { attempt } = limited();
    const taken = Array.from({ length: 150 }, () => attempt()).filter((one) => typeof one === "object");
    expect(taken).toHaveLength(100);
    taken[0]!.giveBack();
    expect(attempt()).toBeTypeOf("object");
    expect(attempt()).toBeTypeOf("number");
  });

  test("what was stored counts, less what is forgotten since", () => {
    const { limit } = limited();
    const atMs = 1_000_000_000_000;
    expect(() => limit.take("ada", { level: 103, atMs })).toThrow(/Too many wrong passwords/);
    expect(limit.take("ben", { level: 103, atMs: atMs - 3_600_000 }).guesses.level).toBe(100);
  });
});
