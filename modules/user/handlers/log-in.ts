import type { UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { addressKey } from "#platform/http/client-address.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { Account, AccountStore } from "../account-store.ts";
import { newSession, sessionAnswer } from "../open-session.ts";
import type { Passwords } from "../passwords.ts";
import { accountClosing, badCredentials, cleanPassword, maxPasswordUnits, sessionEnded } from "../rules.ts";
import type { SessionStore } from "../session-store.ts";
import type { Tokens } from "../tokens.ts";

export function logIn(
  accounts: AccountStore,
  sessions: SessionStore,
  passwords: Passwords,
  tokens: Tokens,
  ids: Ids,
  attempts: { byAddress: RateLimit; byName: RateLimit },
): Handlers<typeof UserService>["logIn"] {
  /** A login that was overtaken: the password was changed, all sessions ended, or the account closed. */
  async function whyNotOpened(tried: Account) {
    const now = await accounts.accountById(tried.id);
    if (now?.state !== "open") return accountClosing();
    return now.password_hash === tried.password_hash ? sessionEnded() : badCredentials();
  }

  return async (request, call) => {
    // What can be nobody's name or password is wrong like any other, and costs nothing to look at.
    if (request.username.length > 256 || request.password.length > maxPasswordUnits) throw badCredentials();
    const key = nameKey(request.username.normalize("NFC").trim());
    // Nobody's name has one, and the database takes no text with it.
    if (key.includes("\0")) throw badCredentials();
    attempts.byAddress.take(addressKey(request.address));
    attempts.byName.take(key);
    const account = await accounts.accountByName(key);
    const known = await passwords.verify(account?.password_hash, cleanPassword(request.password), call);
    if (!account || !known) throw badCredentials();
    const { session, refreshToken } = newSession(ids, account.id as UserId, request);
    if (account.state !== "open") throw accountClosing();
    if (!(await sessions.addSession(session, account))) throw await whyNotOpened(account);
    return sessionAnswer(tokens, account, session, refreshToken);
  };
}
