import type { UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { addressKey } from "#platform/http/client-address.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { Guesses, GuessLimit } from "#platform/protect/guess-limit.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { Account, AccountStore, EnteredAccount } from "../account-store.ts";
import { marksOf } from "../known-devices.ts";
import { newSession, sessionAnswer } from "../open-session.ts";
import type { Passwords } from "../passwords.ts";
import { accountSuspended, cleanPassword, isSuspended, maxPasswordUnits } from "../rules.ts";
import type { SessionStore } from "../session-store.ts";
import type { Tokens } from "../tokens.ts";

export function logIn(
  accounts: PerCall<AccountStore>,
  sessions: PerCall<SessionStore>,
  passwords: Passwords,
  tokens: Tokens,
  ids: Ids,
  security: SecurityLog,
  attempts: { byAddress: RateLimit; guesses: GuessLimit },
): Handlers<typeof UserService>["logIn"] {
  /** A login that was overtaken: the password changed, all sessions ended, or the account closed. */
  async function whyNotOpened(tried: Account, call: ServedCall) {
    const now = await accounts(call).accountById(tried.id);
    if (now?.state !== "open") return refusal("ACCOUNT_CLOSING");
    if (isSuspended(now)) return accountSuspended(now);
    return now.password_hash === tried.password_hash ? refusal("SESSION_ENDED") : refusal("BAD_CREDENTIALS");
  }

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
    const { session, refreshToken } = newSession(ids, account.id as UserId, request);
    if (account.state !== "open") throw refusal("ACCOUNT_CLOSING");
    if (isSuspended(account)) throw accountSuspended(account);
    if (!(await sessions(call).addSession(session, account, unnoted(marks, account))))
      throw await whyNotOpened(account, call);
    security.note({ kind: "login", ...entry, subject: `session ${session.id}` });
    return sessionAnswer(tokens, account, session, refreshToken);
  };
}

function storedGuesses(account: EnteredAccount | undefined): Guesses | undefined {
  const { guess_level: level, guessed_at_ms: atMs } = account ?? {};
  return level == null || atMs == null ? undefined : { level, atMs };
}

function unnoted(marks: Buffer[], account: EnteredAccount): Buffer[] {
  return marks.filter((mark) => !account.fresh_marks.some((fresh) => fresh.equals(mark)));
}
