import { describe, expect, test } from "vitest";
import { DomainError } from "../errors/domain-error.ts";
import { type Guess, guessLimit } from "./guess-limit.ts";

const tooMany = (waitMs: number) => new DomainError("exhausted", "TOO_MANY_ATTEMPTS", "Later.", waitMs);
const minute = 60_000;
function limited() {
  let now = 1_000_000_000_000;
  const limit = guessLimit({ burst: 100, tooMany, nowMs: () => now });
  /** The guess, or the time to wait. */
  const take = (key = "ada") =>
    limit.take(key).catch((error: { retryAfterMs: number }) => error.retryAfterMs);
  const takeMany = async (times: number) =>
    (await Promise.all(Array.from({ length: times }, () => take()))).filter((one) => typeof one === "object");
  /** The same for a wrong one. */
  const attempt = async (key?: string) => {
    const guess = await take(key);
    if (typeof guess === "object") expect(await guess.judge(Promise.resolve(false))).toBe(false);
    return guess;
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { limit, take, takeMany, attempt, pass };
}

describe("guesses", () => {
  test("a hundred, then each waits twice as long as the one before", async () => {
    const { attempt, pass } = limited();
    for (let i = 0; i < 100; i++) expect(await attempt()).toBeTypeOf("object");
    const waits = [];
    for (let i = 0; i < 4; i++) {
      const waitMs = (await attempt()) as number;
      expect(waitMs).toBeTypeOf("number");
      waits.push(Math.round(waitMs / minute));
      pass(waitMs);
      expect(await attempt()).toBeTypeOf("object");
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    expect(await attempt("ben")).toBeTypeOf("object");
  });

  test("guessing for a day gets little more than a hundred in the first hour, and four an hour in the end", async () => {
    const { attempt, pass } = limited();
    const inHour: number[] = [];
    for (let hour = 0; hour < 24; hour++) {
      let guesses = 0;
      for (let i = 0; i < 60; i++) {
        for (let j = 0; j < 5; j++) if (typeof (await attempt()) === "object") guesses++;
        pass(minute);
      }
      inHour.push(guesses);
    }
    expect(inHour[0]).toBeLessThanOrEqual(110);
    for (const later of inHour.slice(2)) expect(later).toBeLessThanOrEqual(5);
  });

  test("many at once are counted before any is known to be wrong", async () => {
    const { take, takeMany } = limited();
    const taken = await takeMany(150);
    expect(taken).toHaveLength(100);
    await taken[0]!.judge(Promise.resolve(true));
    expect(await take()).toBeTypeOf("object");
    expect(await take()).toBeTypeOf("number");
  });

  test.each([
    ["is right", () => Promise.resolve(true)],
    ["nobody had time to look at", () => Promise.reject(new Error("BUSY"))],
  ])("one that %s leaves everything unchanged, in whatever order they are judged", async (_what, verdict) => {
    const { take, attempt, pass } = limited();
    for (let i = 0; i < 100; i++) await attempt();
    pass(minute);
    // The wait is over, and the next wrong one would start another.
    await ((await take()) as Guess).judge(verdict()).catch(() => undefined);
    expect(await take()).toBeTypeOf("object");

    const fresh = limited();
    const many = await fresh.takeMany(100);
    for (const one of [...many.slice(50), ...many.slice(0, 50).reverse()]) {
      fresh.pass(1_000);
      await one.judge(verdict()).catch(() => undefined);
    }
    expect(many[0]!.guesses()).toEqual({ level: 0, atMs: 0 });
    for (let i = 0; i < 100; i++) expect(await fresh.attempt()).toBeTypeOf("object");
    expect(await fresh.attempt()).toBe(minute);
  });

  test("stored guesses count, less those forgotten since", async () => {
    const { limit } = limited();
    const atMs = 1_000_000_000_000;
    await expect(limit.take("ada", { level: 103, atMs })).rejects.toMatchObject({
      reason: "TOO_MANY_ATTEMPTS",
    });
    const guess = await limit.take("ben", { level: 103, atMs: atMs - 3_600_000 });
    await guess.judge(Promise.resolve(false));
    expect(guess.guesses()).toEqual({ level: 100, atMs });
  });
});
