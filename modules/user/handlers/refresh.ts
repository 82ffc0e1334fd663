import type { UserService } from "#contracts/gen/user_pb.ts";
import type { SessionId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { AccountStore } from "../account-store.ts";
import { type OpenSession, sessionAnswer } from "../open-session.ts";
import { isSuspended, judgeRefresh, type ShownGeneration, sessionMs } from "../rules.ts";
import type { SessionRow, SessionStore } from "../session-store.ts";
import { parseRefreshToken, type ShownRefreshToken, sameHash, type Tokens } from "../tokens.ts";

/** `looks` limits, per session, how often a client may make us search the older tokens. */
export function refresh(
  accounts: PerCall<AccountStore>,
  sessions: PerCall<SessionStore>,
  tokens: Tokens,
  looks: RateLimit,
  security: SecurityLog,
): Handlers<typeof UserService>["refresh"] {
  async function generationOf(shown: ShownRefreshToken, session: SessionRow): Promise<ShownGeneration> {
    if (sameHash(shown.hash, session.refresh_hash)) return "current";
    if (sameHash(shown.hash, session.previous_refresh_hash)) return "previous";
    await looks.take(session.id);
    return session.refresh_hash !== null && tokens.leadsTo(shown, session.refresh_hash) ? "older" : "unknown";
  }

  /** The session, if its token is the next one; undefined if another request was quicker. */
  async function rotate(
    shown: ShownRefreshToken,
    nextHash: Buffer,
    call: ServedCall,
  ): Promise<OpenSession | undefined> {
    const session = await sessions(call).session(shown.userId, shown.sessionId);
    const verdict = judgeRefresh(
      session && { shown: await generationOf(shown, session), rotatedMsAgo: session.rotated_ms_ago },
    );
    if (verdict === "end-session") {
      await sessions(call).endSession(shown.userId, shown.sessionId);
      security.note({ kind: "token-reused", userId: shown.userId, subject: `session ${shown.sessionId}` });
    }
    if (verdict !== "rotate" || !session) throw refusal("SESSION_ENDED");
    // Rotated a moment ago: a second request gets the same answer as the first.
    const { id, classic } = session;
    const open = (expiresAt: Date) => ({ id: id as SessionId, classic, expiresAt });
    if (sameHash(nextHash, session.refresh_hash)) return open(session.expires_at);
    const expiresAt = await sessions(call).rotate(session, nextHash, new Date(Date.now() + sessionMs));
    return expiresAt && open(expiresAt);
  }

  return async (request, call) => {
    const shown = parseRefreshToken(request.refreshToken);
    if (!shown) throw refusal("SESSION_ENDED");
    const next = tokens.refreshAfter(shown);
    const session = (await rotate(shown, next.hash, call)) ?? (await rotate(shown, next.hash, call));
    const [account] = await accounts(call).accountsById([shown.userId]);
    if (!session || !account || isSuspended(account)) throw refusal("SESSION_ENDED");
    return sessionAnswer(tokens, account, session, next.token);
  };
}
