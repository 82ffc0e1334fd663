import type { UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { Account, AccountStore, EnteredAccount } from "../account-store.ts";
import { newSession, sessionAnswer } from "../open-session.ts";
import { accountSuspended, isSuspended } from "../rules.ts";
import type { SessionStore } from "../session-store.ts";
import type { Tokens } from "../tokens.ts";
import type { ProvePassword } from "./prove-password.ts";

export function logIn(
  prove: ProvePassword,
  accounts: PerCall<AccountStore>,
  sessions: PerCall<SessionStore>,
  tokens: Tokens,
  ids: Ids,
  security: SecurityLog,
): Handlers<typeof UserService>["logIn"] {
  /** A login that was overtaken: the password changed, all sessions ended, or the account closed. */
  async function whyNotOpened(tried: Account, call: ServedCall) {
    const now = await accounts(call).accountById(tried.id);
    if (now?.state !== "open") return refusal("ACCOUNT_CLOSING");
    if (isSuspended(now)) return accountSuspended(now);
    return now.password_hash === tried.password_hash ? refusal("SESSION_ENDED") : refusal("BAD_CREDENTIALS");
  }

  return async (request, call) => {
    const { account, marks, entry } = await prove(request, call);
    const { session, refreshToken } = newSession(ids, account.id as UserId, request);
    if (account.state !== "open") throw refusal("ACCOUNT_CLOSING");
    if (isSuspended(account)) throw accountSuspended(account);
    if (!(await sessions(call).addSession(session, account, unnoted(marks, account))))
      throw await whyNotOpened(account, call);
    security.note({ kind: "login", ...entry, subject: `session ${session.id}` });
    return sessionAnswer(tokens, account, session, refreshToken);
  };
}

function unnoted(marks: Buffer[], account: EnteredAccount): Buffer[] {
  return marks.filter((mark) => !account.fresh_marks.some((fresh) => fresh.equals(mark)));
}
