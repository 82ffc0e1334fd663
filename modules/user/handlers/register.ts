import type { UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import type { PerCall } from "#platform/db/database.ts";
import { addressKey } from "#platform/http/client-address.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { AccountStore } from "../account-store.ts";
import type { CommonPasswords } from "../common-passwords.ts";
import { marksOf } from "../known-devices.ts";
import { newSession, sessionAnswer } from "../open-session.ts";
import type { Passwords } from "../passwords.ts";
import { checkPassword, checkUsername } from "../rules.ts";
import type { Tokens } from "../tokens.ts";

export function register(
  store: PerCall<AccountStore>,
  passwords: Passwords,
  tokens: Tokens,
  ids: Ids,
  attempts: RateLimit,
  common: CommonPasswords,
  security: SecurityLog,
): Handlers<typeof UserService>["register"] {
  return async (request, call) => {
    const username = checkUsername(request.username);
    const by = { classic: request.classic, names: [username], common };
    const password = await checkPassword(request.password, by);
    await attempts.take(addressKey(request.address));
    const passwordHash = await passwords.hash(password, call);
    const id = ids.next() as UserId;
    const { session, refreshToken } = newSession(ids, id, request);
    const account = await store(call).addAccount(
      { id, username, name_key: nameKey(username), name: username, password_hash: passwordHash },
      session,
      marksOf(request),
    );
    const { address, userAgent: device } = request;
    security.note({ kind: "registered", userId: id, address, device });
    return sessionAnswer(tokens, account, session, refreshToken);
  };
}
