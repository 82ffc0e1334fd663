import { hash, verify } from "@node-rs/argon2";
import { argon2id, hashingThreads } from "#modules/user/password-cost.ts";
import { answerQuestions } from "../worker.ts";

const password = "a password like any other";
const known = hash(password, argon2id);

/** Bare verifications per second, as many at once as the user module allows. */
answerQuestions(async ({ durationMs }: { durationMs: number }): Promise<number> => {
  const expected = await known;
  const startedMs = performance.now();
  let verified = 0;
  const loop = async () => {
    while (performance.now() - startedMs < durationMs) {
      if (!(await verify(expected, password))) throw new Error("the right password was refused");
      verified++;
    }
  };
  await Promise.all(Array.from({ length: hashingThreads }, loop));
  return (verified / (performance.now() - startedMs)) * 1000;
});
