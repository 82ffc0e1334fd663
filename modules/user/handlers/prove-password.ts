import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { addressKey } from "#platform/http/client-address.ts";
import type { Guesses, GuessLimit } from "#platform/protect/guess-limit.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { AccountStore, EnteredAccount } from "../account-store.ts";
import { marksOf } from "../known-devices.ts";
import type { Passwords } from "../passwords.ts";
import { cleanPassword, maxPasswordUnits } from "../rules.ts";

/** Who says to be whom, and from where. */
interface Claimed {
  username: string;
  password: string;
  userAgent: string;
  address: string;
  device: string;
}

/** Somebody who has proven to be the owner, whatever the state of their account. */
interface ProvenOwner {
  account: EnteredAccount;
  marks: Buffer[];
  /** For the security log. */
  entry: { userId: string; address: string; device: string };
}

export type ProvePassword = (claimed: Claimed, call: ServedCall) => Promise<ProvenOwner>;

/**
 * Compares a password, with the limits on guesses. Errors: BAD_CREDENTIALS (the same for a wrong name and a wrong
 * password), TOO_MANY_ATTEMPTS, TOO_MANY_REQUESTS, BUSY.
 */
export function provePassword(
  accounts: PerCall<AccountStore>,
  passwords: Passwords,
  security: SecurityLog,
  attempts: { byAddress: RateLimit; guesses: GuessLimit },
): ProvePassword {
  return async (request, call) => {
    // A name or password of impossible form is simply wrong, and costs nothing to check.
    if (request.username.length > 256 || request.password.length > maxPasswordUnits)
      throw refusal("BAD_CREDENTIALS");
    const key = nameKey(request.username.normalize("NFC").trim());
    // No name contains one, and the database accepts no text with it.
    if (key.includes("\0")) throw refusal("BAD_CREDENTIALS");
    const marks = marksOf(request);
    const account = await accounts(call).accountToEnter(key, marks);
    const knownBy = marks.find((mark) => account?.known_marks.some((known) => known.equals(mark)));
    const entry = { userId: account?.id, address: request.address, device: request.userAgent };
    const take = async () => {
      // A known device of the owner is let in, however many others guess from the same address.
      const byDevice = request.device && knownBy && knownBy === marks[0];
      if (!byDevice) await attempts.byAddress.take(addressKey(request.address));
      return knownBy
        ? attempts.guesses.take(`${key} ${knownBy.toString("base64")}`)
        : attempts.guesses.take(key, storedGuesses(account));
    };
    const guess = await take().catch((error) => {
      if (error instanceof DomainError)
        security.note({ kind: "login-refused", ...entry, reason: error.reason });
      throw error;
    });
    const password = cleanPassword(request.password);
    const right = await guess.judge(passwords.verify(account?.password_hash, password, call));
    if (!account || !right) {
      if (account && !knownBy) await accounts(call).saveGuesses(account.id, guess.guesses());
      security.note({ kind: "login-failed", ...entry });
      throw refusal("BAD_CREDENTIALS");
    }
    return { account, marks, entry: { ...entry, userId: account.id } };
  };
}

function storedGuesses(account: EnteredAccount | undefined): Guesses | undefined {
  const { guess_level: level, guessed_at_ms: atMs } = account ?? {};
  return level == null || atMs == null ? undefined : { level, atMs };
}
