import { expect, test } from "vitest";
import { argon2id, hashingThreads } from "#modules/user/password-cost.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import { hashingThread } from "./hashing-thread.ts";
import { createPasswords } from "./passwords.ts";

function create() {
  const metrics = createMetrics();
  return { metrics, passwords: createPasswords(embeddedProtection({ limits: true, metrics })) };
}
/** An hour is more than the longest queue takes on the slowest machine. */
const call = (ms = 3_600_000): Call => ({ traceId: "", deadlineMs: Date.now() + ms });

test("a hashed password verifies, and no other", async () => {
  const { passwords } = create();
  const [one, two] = await Promise.all([passwords.hash("secret", call()), passwords.hash("secret", call())]);
  expect(one).not.toBe(two);
  expect(await passwords.verify(one, "secret", call())).toBe(true);
  expect(await passwords.verify(one, "Secret", call())).toBe(false);
  expect(await passwords.verify(undefined, "nobody has this password", call())).toBe(false);
});

test("a storm of 1,000 is served up to the length of the queue; the rest is told when to retry", async () => {
  const { metrics, passwords } = create();
  const hash = await passwords.hash("secret", call());
  const before = process.memoryUsage().rss;
  let mostBytes = 0;
  const watch = setInterval(() => {
    mostBytes = Math.max(mostBytes, process.memoryUsage().rss);
  }, 10);
  const results = await Promise.allSettled(
    Array.from({ length: 1000 }, () => passwords.verify(hash, "secret", call())),
  );
  clearInterval(watch);
  const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  expect(refused).toHaveLength(1000 - 101 * hashingThreads);
  expect(refused[0]).toMatchObject({ kind: "exhausted", reason: "BUSY", retryAfterMs: expect.any(Number) });
  expect(mostBytes - before).toBeLessThan((hashingThreads * 20 + 60) * 1024 * 1024);
  expect(await metrics.registry.metrics()).toContain("douya_password_queue 0");
});

test("a request whose deadline has passed in the queue is refused", async () => {
  const { passwords } = create();
  await expect(passwords.hash("secret", call(-1))).rejects.toMatchObject({ reason: "BUSY" });
});

test("a thread answers every waiting caller", async () => {
  const thread = hashingThread();
  const hash = (await thread.run({ do: "hash", password: "secret", options: argon2id })) as string;
  const verify = (password: string) => thread.run({ do: "verify", hash, password });
  const answers = Promise.all(["secret", "Secret", "Secret"].map(verify));
  expect(thread.busy()).toBe(3);
  expect(await answers).toEqual([true, false, false]);
  expect(thread.busy()).toBe(0);
  await thread.stop();
});

test("a thread that ends is replaced, and all its callers are told", async () => {
  const thread = hashingThread();
  const task = { do: "hash", password: "secret", options: argon2id } as const;
  const waiting = Promise.allSettled([thread.run(task), thread.run(task)]);
  await thread.stop();
  for (const one of await waiting)
    expect(one).toMatchObject({ reason: { message: expect.stringContaining("has ended") } });
  expect(await thread.run(task)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  await thread.stop();
});
