import { hash } from "@node-rs/argon2";
import { argon2id, hashingThreads } from "#modules/user/password-cost.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import { type HashingTask, hashingThread } from "./hashing-thread.ts";

export interface Passwords {
  hash(password: string, call: Call): Promise<string>;
  /** Takes the same time whether the account exists or not. */
  verify(hash: string | undefined, password: string, call: Call): Promise<boolean>;
  stop(): Promise<void>;
}

/**
 * Argon2id off the event loop. Memory and time are bounded: a number of hashes at once, a number waiting, then BUSY
 * with the time to come back.
 */
export function createPasswords(protect: Pick<Protection, "boundedQueue">): Passwords {
  // Each thread has the next task at hand: it would stand still while the event loop takes one result and sends the
  // next task.
  const perThread = 2;
  const queue = protect.boundedQueue("password_queue", {
    help: "Passwords that wait to be hashed",
    concurrency: perThread * hashingThreads,
    maxWaiting: (101 - perThread) * hashingThreads,
    typicalMs: perThread * 25,
  });
  const threads = Array.from({ length: hashingThreads }, hashingThread);
  const leastBusy = () => threads.reduce((least, thread) => (thread.busy() < least.busy() ? thread : least));
  const run = (task: HashingTask, call: Call) => queue.run(() => leastBusy().run(task), call.deadlineMs);
  const nobody = hash("nobody has this password", argon2id);
  return {
    hash: async (password, call) => (await run({ do: "hash", password, options: argon2id }, call)) as string,
    async verify(known, password, call) {
      const task = { do: "verify", hash: known ?? (await nobody), password } as const;
      return (await run(task, call)) === true && known !== undefined;
    },
    stop: async () => void (await Promise.all(threads.map((thread) => thread.stop()))),
  };
}
