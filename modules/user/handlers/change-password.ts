import type { UserService } from "#contracts/gen/user_pb.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { GuessLimit } from "#platform/protect/guess-limit.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { AccountStore } from "../account-store.ts";
import type { CommonPasswords } from "../common-passwords.ts";
import type { Passwords } from "../passwords.ts";
import { checkPassword, cleanPassword } from "../rules.ts";

export function changePassword(
  store: PerCall<AccountStore>,
  passwords: Passwords,
  attempts: GuessLimit,
  security: SecurityLog,
  common: CommonPasswords,
): Handlers<typeof UserService>["changePassword"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    const [account] = await store(call).accountsById([caller]);
    if (!account) throw refusal("SESSION_ENDED");
    const by = { classic: false, names: [account.username, account.name], common };
    const wanted = await checkPassword(request.newPassword, by);
    const guess = await attempts.take(caller);
    const current = cleanPassword(request.currentPassword);
    if (!(await guess.judge(passwords.verify(account.password_hash, current, call)))) {
      security.note({ kind: "wrong-password", userId: caller });
      throw refusal("WRONG_PASSWORD");
    }
    const hash = await passwords.hash(wanted, call);
    await store(call).setPassword(
      account,
      hash,
      isId(request.sessionId) ? (request.sessionId as SessionId) : undefined,
    );
    await security.write({ kind: "password-changed", userId: caller });
    return {};
  };
}
