import type { UserService } from "#contracts/gen/user_pb.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { UserStore } from "../store.ts";

type Service = Handlers<typeof UserService>;

export function checkSessions(store: UserStore): Service["checkSessions"] {
  const isAlive = createBatcher(async (refs: { userId: string; sessionId: string }[]) => {
    const alive = new Map((await store.aliveSessions(refs)).map((row) => [row.id, row.user_id]));
    return refs.map((ref) => alive.get(ref.sessionId) === ref.userId);
  });
  const isKnown = (ref: { userId: string; sessionId: string }) =>
    isId(ref.userId) && isId(ref.sessionId) && isAlive(ref);
  return async (request) => {
    const alive = await Promise.all(request.sessions.map(isKnown));
    return { aliveSessionIds: request.sessions.filter((_, i) => alive[i]).map((ref) => ref.sessionId) };
  };
}

export function listSessions(store: UserStore): Service["listSessions"] {
  return async (_request, call) => {
    const sessions = await store.sessionsOf(requireCaller(call) as UserId);
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

export function endSessions(store: UserStore): Service["endSessions"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    if (request.sessionId && !isId(request.sessionId)) {
      throw new DomainError("not-found", "SESSION_NOT_FOUND", "You have no such session.");
    }
    await store.endSessions(caller, (request.sessionId || undefined) as SessionId | undefined);
    return {};
  };
}
