import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SessionSchema } from "#contracts/gen/user_pb.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { Account } from "./account-store.ts";
import { toUser } from "./present.ts";
import { sessionMs } from "./rules.ts";
import type { NewSession } from "./session-store.ts";
import { newRefreshToken, type Tokens } from "./tokens.ts";

const maxUserAgent = 300;

/** A session to store, and the refresh token for its device; classic sessions have none. */
export function newSession(ids: Ids, userId: UserId, from: { userAgent: string; classic: boolean }) {
  const id = ids.next() as SessionId;
  const refresh = from.classic ? undefined : newRefreshToken(userId, id);
  const session: NewSession = {
    userId,
    id,
    classic: from.classic,
    refreshHash: refresh?.hash ?? null,
    userAgent: from.userAgent.slice(0, maxUserAgent),
    expiresAt: new Date(Date.now() + sessionMs),
  };
  return { session, refreshToken: refresh?.token ?? "" };
}

export type OpenSession = Pick<NewSession, "id" | "classic" | "expiresAt">;

/** The answer to a login, registration or refresh. */
export async function sessionAnswer(
  tokens: Tokens,
  account: Account,
  session: OpenSession,
  refreshToken: string,
): Promise<MessageInitShape<typeof SessionSchema>> {
  const owner = {
    id: account.id as UserId,
    moderator: account.role === "moderator",
    mutedUntilMs: Number(account.muted_until_ms),
  };
  const access = await tokens.access(owner, session);
  return {
    sessionId: session.id,
    user: toUser(account),
    accessToken: access.token,
    accessTokenExpiresAtMs: access.expiresAtMs,
    refreshToken,
    sessionExpiresAtMs: session.expiresAt.getTime(),
  };
}
