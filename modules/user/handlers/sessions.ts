import type { UserService } from "#contracts/gen/user_pb.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { SessionLook, SessionStore } from "../session-store.ts";

type Service = Handlers<typeof UserService>;

export function checkSessions(store: PerCall<SessionStore>): Service["checkSessions"] {
  const findAlive = createBatcher(async (asked: SessionLook[][], batch) => {
    const rows = await store(batch).aliveSessions(asked.flat());
    const alive = new Map(rows.map((row) => [`${row.user_id} ${row.id}`, row]));
    return asked.map(() => alive);
  });
  return async (request, call) => {
    const refs = request.sessions
      .filter((ref) => isId(ref.userId) && isId(ref.sessionId))
      .map(({ userId, sessionId }) => ({ userId, sessionId, unused: request.unused }));
    const found = await findAlive(refs, call);
    const alive = refs
      .map(({ userId, sessionId }) => found.get(`${userId} ${sessionId}`))
      .filter((row) => row !== undefined);
    return {
      aliveSessionIds: alive.map((row) => row.id),
      moderatorSessionIds: alive.filter((row) => row.moderator).map((row) => row.id),
      mutedSessions: alive
        .filter((row) => Number(row.muted_until_ms) > 0)
        .map((row) => ({ sessionId: row.id, untilMs: Number(row.muted_until_ms) })),
    };
  };
}

export function listSessions(store: PerCall<SessionStore>): Service["listSessions"] {
  return async (_request, call) => {
    const sessions = await store(call).sessionsOf(requireCaller(call) as UserId);
    return {
      devices: sessions.map((session) => ({
        sessionId: session.id,
        userAgent: session.user_agent,
        createdAtMs: session.created_at.getTime(),
        lastUsedAtMs: session.last_used_at.getTime(),
      })),
    };
  };
}

export function endSessions(store: PerCall<SessionStore>, security: SecurityLog): Service["endSessions"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    if (request.sessionId && !isId(request.sessionId)) {
      throw refusal("SESSION_NOT_FOUND");
    }
    if (request.sessionId) await store(call).endSession(caller, request.sessionId as SessionId);
    else await store(call).endAllSessions(caller);
    if (request.sessionId)
      security.note({ kind: "session-ended", userId: caller, subject: `session ${request.sessionId}` });
    else security.note({ kind: "all-sessions-ended", userId: caller });
    return {};
  };
}
