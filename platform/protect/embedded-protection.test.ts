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
  const leave = await protect.concurrencyLimit("files", { max: 8, retryAfterMs: 1000 }).enter("ada", 3);
  const text = await metrics.registry.metrics();
  expect(text).toContain('douya_limit_keys{limit="likes"} 2');
  expect(text).toContain('douya_limit_keys{limit="passwords"} 1');
  expect(text).toContain('douya_limit_keys{limit="files"} 1');
  leave();
  expect(await metrics.registry.metrics()).toContain('douya_limit_keys{limit="files"} 0');
});

test("places at once are given back once, and only theirs", async () => {
  const { protect } = protection(true);
  const files = protect.concurrencyLimit("files", { max: 2, retryAfterMs: 1000 });
  const leave = await files.enter("ada");
  await files.enter("ada");
  await expect(files.enter("ada")).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS", retryAfterMs: 1000 });
  await files.enter("ben", 2);
  leave();
  leave();
  await files.enter("ada");
  await expect(files.enter("ada")).rejects.toMatchObject({ kind: "exhausted" });
});

test("a queue says in its own gauge how many wait", async () => {
  const { metrics, protect } = protection(true);
  const queue = protect.boundedQueue("test_queue", {
    help: "Those who wait",
    concurrency: 1,
    maxWaiting: 9,
    typicalMs: 1,
  });
  let end = () => {};
  const work = () =>
    new Promise<void>((resolve) => {
      end = resolve;
    });
  const running = queue.run(work, Date.now() + 3_600_000);
  const waiting = queue.run(async () => {}, Date.now() + 3_600_000);
  expect(await metrics.registry.metrics()).toMatch(
    /# HELP douya_test_queue Those who wait\n[\s\S]*douya_test_queue 1\n/,
  );
  end();
  await Promise.all([running, waiting]);
  expect(await metrics.registry.metrics()).toContain("douya_test_queue 0");
});
