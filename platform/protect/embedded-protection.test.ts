import { expect, test } from "vitest";
import { DomainError } from "../errors/domain-error.ts";
import { createMetrics } from "../observe/metrics.ts";
import { embeddedProtection } from "./embedded-protection.ts";

const row = { burst: 2, perMinute: 1 };
const tooMany = () => new DomainError("exhausted", "TOO_MANY_ATTEMPTS", "Later.", 1000);
const protection = (limits: boolean) => {
  const metrics = createMetrics();
  return { metrics, protect: embeddedProtection({ limits, metrics }) };
};
/** How many of ten are let through. */
async function taken(limit: { take(key: string): Promise<unknown> }): Promise<number> {
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => limit.take("ada")));
  return all.filter(({ status }) => status === "fulfilled").length;
}

test("limits of different names count apart, and one name belongs to one limit", async () => {
  const { protect } = protection(true);
  const likes = protect.rateLimit("likes", row);
  expect(await taken(likes)).toBe(2);
  expect(await taken(protect.rateLimit("comments", row))).toBe(2);
  expect(await taken(protect.guessLimit("passwords", { burst: 3, tooMany }))).toBe(3);
  for (const again of [
    () => protect.rateLimit("likes", row),
    () => protect.guessLimit("likes", { burst: 1, tooMany }),
  ])
    expect(again).toThrow(/two limits with the name "likes"/);
});

test("limits that are off count nothing, but for those that bound the work of one request", async () => {
  const { protect } = protection(false);
  expect(await taken(protect.rateLimit("likes", row))).toBe(10);
  expect(await taken(protect.guessLimit("passwords", { burst: 3, tooMany }))).toBe(10);
  expect(await taken(protect.rateLimit("looks", { ...row, always: true }))).toBe(2);
});

test("the metrics say how many keys a limit remembers", async () => {
  const { metrics, protect } = protection(true);
  const likes = protect.rateLimit("likes", row);
  const passwords = protect.guessLimit("passwords", { burst: 3, tooMany });
  for (const key of ["ada", "ben", "ada"]) await likes.take(key);
  await passwords.take("ada");
  const text = await metrics.registry.metrics();
  expect(text).toContain('douya_limit_keys{limit="likes"} 2');
  expect(text).toContain('douya_limit_keys{limit="passwords"} 1');
});
