import { hash, verify } from "@node-rs/argon2";
import { boundedQueue } from "#platform/protect/bounded-queue.ts";
import { argon2id, hashingThreads } from "#platform/protect/password-cost.ts";
import type { Call } from "#platform/rpc/call.ts";

export interface Passwords {
  hash(password: string, call: Call): Promise<string>;
  /** Takes the same time whether there is such an account or not. */
  verify(hash: string | undefined, password: string, call: Call): Promise<boolean>;
  waiting(): number;
}

/**
 * Argon2id off the event loop. Memory and time are bounded: so many at once, so many in line, beyond that
 * BUSY with the time to come back.
 */
export function createPasswords(): Passwords {
  const queue = boundedQueue({
    concurrency: hashingThreads,
    maxWaiting: 100 * hashingThreads,
    typicalMs: 25,
  });
  const nobody = hash("nobody has this password", argon2id);
  return {
    hash: (password, call) => queue.run(() => hash(password, argon2id), call.deadlineMs),
    verify: (known, password, call) =>
      queue.run(async () => {
        const matches = await verify(known ?? (await nobody), password);
        return matches && known !== undefined;
      }, call.deadlineMs),
    waiting: queue.waiting,
  };
}
