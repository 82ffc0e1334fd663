import { expect, test } from "vitest";
import { DomainError } from "../errors/domain-error.ts";
import { createMetrics } from "../observe/metrics.ts";
import { protectionContract } from "../testing/protection-contract.ts";
import { embeddedProtection } from "./embedded-protection.ts";

const row = { burst: 2, perMinute: 1 };
const tooMany = () => new DomainError("exhausted", "TOO_MANY_ATTEMPTS", "Later.", 1000);
const protection = (limits: boolean) => {
  const metrics = createMetrics();
  return { metrics, protect: embeddedProtection({ limits, metrics }) };
};
protectionContract(async (limits) => protection(limits).protect);

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
