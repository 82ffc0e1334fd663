import { expect, test } from "vitest";
import { DomainError } from "../errors/domain-error.ts";
import type { Protection } from "../protect/protection.ts";

/** So few a minute that none is added while a test runs. */
const row = { burst: 2, perMinute: 0.01 };
const tooMany = (waitMs: number) => new DomainError("exhausted", "TOO_MANY_ATTEMPTS", "Later.", waitMs);
const refused = (reason: string) => ({ kind: "exhausted", reason, retryAfterMs: expect.any(Number) });

/** How many of ten at once are let through. */
async function taken(limit: { take(key: string): Promise<unknown> }, key = "ada"): Promise<number> {
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => limit.take(key)));
  return all.filter(({ status }) => status === "fulfilled").length;
}

/** What every protection keeps to, wherever it counts. `open` makes a fresh one; `limits`: as DOUYA_LIMITS says. */
export function protectionContract(open: (limits: boolean) => Promise<Protection>): void {
  test("a limit lets through a burst of each key, however many come at once, and says when to come back", async () => {
    const protect = await open(true);
    const likes = protect.rateLimit("likes", row);
    expect(await Promise.all([taken(likes), taken(likes, "ben")])).toEqual([2, 2]);
    await expect(likes.take("ada")).rejects.toMatchObject(refused("TOO_MANY_REQUESTS"));
    await likes.take("cem");
  });

  test("limits of different names count apart, and one name belongs to one limit", async () => {
    const protect = await open(true);
    expect(await taken(protect.rateLimit("likes", row))).toBe(2);
    expect(await taken(protect.rateLimit("comments", row))).toBe(2);
    expect(await taken(protect.guessLimit("passwords", { burst: 3, tooMany }))).toBe(3);
    for (const again of [
      () => protect.rateLimit("likes", row),
      () => protect.guessLimit("likes", { burst: 1, tooMany }),
    ])
      expect(again).toThrow(/two limits with the name "likes"/);
  });

  test("wrong guesses count, right ones and those nobody has judged do not; what was stored does", async () => {
    const passwords = (await open(true)).guessLimit("passwords", { burst: 3, tooMany });
    const guess = async (verdict: () => Promise<boolean>) =>
      (await passwords.take("ada")).judge(verdict()).catch(() => "unjudged");
    for (let i = 0; i < 5; i++) {
      expect(await guess(async () => true)).toBe(true);
      expect(await guess(() => Promise.reject(new Error("BUSY")))).toBe("unjudged");
    }
    for (let i = 0; i < 3; i++) expect(await guess(async () => false)).toBe(false);
    await expect(passwords.take("ada")).rejects.toMatchObject(refused("TOO_MANY_ATTEMPTS"));
    await expect(passwords.take("ben", { level: 50, atMs: Date.now() })).rejects.toMatchObject(
      refused("TOO_MANY_ATTEMPTS"),
    );
  });

  test("limits that are off count nothing, but for those that bound the work of one request", async () => {
    const protect = await open(false);
    expect(await taken(protect.rateLimit("likes", row))).toBe(10);
    expect(await taken(protect.guessLimit("passwords", { burst: 3, tooMany }))).toBe(10);
    expect(await taken(protect.rateLimit("looks", { ...row, always: true }))).toBe(2);
  });

  test("places at once are given back once, and only theirs", async () => {
    const files = (await open(true)).concurrencyLimit("files", { max: 2, retryAfterMs: 1000 });
    const leave = await files.enter("ada");
    await files.enter("ada");
    await expect(files.enter("ada")).rejects.toMatchObject({
      ...refused("TOO_MANY_REQUESTS"),
      retryAfterMs: 1000,
    });
    await files.enter("ben", 2);
    leave();
    leave();
    await expect
      .poll(() =>
        files.enter("ada").then(
          () => "in",
          () => "refused",
        ),
      )
      .toBe("in");
    await expect(files.enter("ada")).rejects.toMatchObject({ kind: "exhausted" });
  });
}
