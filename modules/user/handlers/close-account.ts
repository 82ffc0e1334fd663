import type { UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { GuessLimit } from "#platform/protect/guess-limit.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { AccountStore } from "../account-store.ts";
import type { DeletionRequestStore } from "../deletion-request-store.ts";
import type { Passwords } from "../passwords.ts";
import { cleanPassword } from "../rules.ts";

export function closeAccount(
  store: PerCall<AccountStore>,
  deletionRequests: PerCall<DeletionRequestStore>,
  passwords: Passwords,
  ids: Ids,
  attempts: GuessLimit,
  security: SecurityLog,
): Handlers<typeof UserService>["closeAccount"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    const [account] = await store(call).accountsById([caller]);
    if (!account) throw refusal("SESSION_ENDED");
    const guess = await attempts.take(caller);
    const password = cleanPassword(request.password);
    if (!(await guess.judge(passwords.verify(account.password_hash, password, call)))) {
      security.note({ kind: "wrong-password", userId: caller });
      throw refusal("WRONG_PASSWORD");
    }
    await deletionRequests(call).close(account, ids.next());
    await security.write({ kind: "account-closing", userId: caller });
    return {};
  };
}
