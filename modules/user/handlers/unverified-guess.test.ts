import { describe, expect, test } from "vitest";
import { DomainError } from "#platform/errors/domain-error.ts";
import { guessLimit } from "#platform/protect/guess-limit.ts";
import { noRateLimit } from "#platform/protect/rate-limit.ts";
import { tooManyGuesses } from "../rules.ts";
import { changePassword } from "./change-password.ts";
import { closeAccount } from "./close-account.ts";
import { provePassword } from "./prove-password.ts";

describe("a password that could not be checked is not counted as wrong", () => {
  const verify = () => Promise.reject(new DomainError("exhausted", "BUSY", "Try again in a moment."));
  const account = { id: "1", username: "Ann", name: "Ann", password_hash: "…", known_marks: [] };
  const store = () => ({ accountsById: async () => [account], accountToEnter: async () => account });
  const security = { note() {}, write: async () => {} };
  const call = { callerId: "1", traceId: "", deadlineMs: 0 };
  const given = (...parts: unknown[]) => parts as never[];
  const common = { weakness: async () => undefined };
  const [passwords, attempts] = [{ verify }, guessLimit({ burst: 20, tooMany: tooManyGuesses })];

  test.each<[string, (request: never, call: never) => Promise<unknown>]>([
    [
      "a login",
      provePassword(
        ...(given(store, passwords, security, {
          byAddress: noRateLimit,
          guesses: attempts,
        }) as unknown as Parameters<typeof provePassword>),
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
