import { describe, expect, test } from "vitest";
import { DomainError } from "#platform/errors/domain-error.ts";
import { noRateLimit } from "#platform/protect/rate-limit.ts";
import { guessLimit } from "./guess-limit.ts";
import { changePassword } from "./handlers/change-password.ts";
import { closeAccount } from "./handlers/close-account.ts";
import { logIn } from "./handlers/log-in.ts";

const minute = 60_000;
function limited() {
  let now = 1_000_000_000_000;
  const limit = guessLimit({ burst: 100, nowMs: () => now });
  /** The guess, or how long to wait. */
  const take = (key = "ada") => {
    try {
      return limit.take(key);
    } catch (error) {
      return (error as { retryAfterMs: number }).retryAfterMs;
    }
  };
  /** The same for one that turns out to be wrong. */
  const attempt = async (key?: string) => {
    const guess = take(key);
    if (typeof guess === "object") expect(await guess.judge(Promise.resolve(false))).toBe(false);
    return guess;
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { limit, take, attempt, pass };
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

  test("whoever goes on for a day gets few more than a hundred an hour at first, and four an hour in the end", async () => {
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
    const { take } = limited();
    const taken = Array.from({ length: 150 }, () => take()).filter((one) => typeof one === "object");
    expect(taken).toHaveLength(100);
    await taken[0]!.judge(Promise.resolve(true));
    expect(take()).toBeTypeOf("object");
    expect(take()).toBeTypeOf("number");
  });

  test.each([
    ["is right", () => Promise.resolve(true)],
    ["nobody had time to look at", () => Promise.reject(new Error("BUSY"))],
  ])("one that %s leaves everything as it was, in whatever order they are judged", async (_what, verdict) => {
    const { take, attempt, pass } = limited();
    for (let i = 0; i < 100; i++) await attempt();
    pass(minute);
    // The wait is over, and the next one that is wrong would start another.
    await (take() as { judge(verdict: Promise<boolean>): Promise<boolean> })
      .judge(verdict())
      .catch(() => undefined);
    expect(take()).toBeTypeOf("object");

    const fresh = limited();
    const many = Array.from({ length: 100 }, () => fresh.take()).filter((one) => typeof one === "object");
    for (const one of [...many.slice(50), ...many.slice(0, 50).reverse()]) {
      fresh.pass(1_000);
      await one.judge(verdict()).catch(() => undefined);
    }
    expect(many[0]!.guesses()).toEqual({ level: 0, atMs: 0 });
    for (let i = 0; i < 100; i++) expect(await fresh.attempt()).toBeTypeOf("object");
    expect(await fresh.attempt()).toBe(minute);
  });

  test("what was stored counts, less what is forgotten since", async () => {
    const { limit } = limited();
    const atMs = 1_000_000_000_000;
    expect(() => limit.take("ada", { level: 103, atMs })).toThrow(/Too many wrong passwords/);
    const guess = limit.take("ben", { level: 103, atMs: atMs - 3_600_000 });
    await guess.judge(Promise.resolve(false));
    expect(guess.guesses()).toEqual({ level: 100, atMs });
  });
});

describe("while nobody has time to look at passwords, none is counted as wrong", () => {
  const verify = () => Promise.reject(new DomainError("exhausted", "BUSY", "Try again in a moment."));
  const account = { id: "1", username: "Ann", name: "Ann", password_hash: "…", known_marks: [] };
  const store = () => ({ accountsById: async () => [account], accountToEnter: async () => account });
  const security = { note() {}, write: async () => {} };
  const call = { callerId: "1", traceId: "", deadlineMs: 0 };
  const given = (...parts: unknown[]) => parts as never[];
  const common = { weakness: async () => undefined };
  const [passwords, attempts] = [{ verify }, guessLimit({ burst: 20 })];

  test.each<[string, (request: never, call: never) => Promise<unknown>]>([
    [
      "a login",
      logIn(
        ...(given(store, {}, passwords, {}, {}, security, {
          byAddress: noRateLimit,
          guesses: attempts,
        }) as unknown as Parameters<typeof logIn>),
      ),
    ],
    [
      "a change of the password",
      changePassword(
        ...(given(store, passwords, attempts, security, common) as unknown as Parameters<
          typeof changePassword
        >),
      ),
    ],
    [
      "a deletion",
      closeAccount(
        ...(given(store, {}, passwords, {}, attempts, security) as unknown as Parameters<
          typeof closeAccount
        >),
      ),
    ],
  ])("%s", async (_what, handle) => {
    const texts = { username: "Ann", password: "correct horse", currentPassword: "correct horse" };
    const request = {
      ...texts,
      newPassword: "another horse",
      device: "",
      address: "192.0.2.1",
      userAgent: "",
    };
    for (let i = 0; i < 50; i++)
      await expect(handle(request as never, call as never)).rejects.toMatchObject({ reason: "BUSY" });
  });
});
