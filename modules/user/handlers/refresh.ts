import type { UserService } from "#contracts/gen/user_pb.ts";
import type { SessionId } from "#contracts/ids.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { sessionAnswer } from "../open-session.ts";
import { judgeRefresh, sessionEnded, sessionMs } from "../rules.ts";
import type { UserStore } from "../store.ts";
import { newRefreshToken, parseRefreshToken, sameHash, type Tokens } from "../tokens.ts";

export function refresh(store: UserStore, tokens: Tokens): Handlers<typeof UserService>["refresh"] {
  return async (request) => {
    const shown = parseRefreshToken(request.refreshToken);
    if (!shown) throw sessionEnded();
    const session = await store.session(shown.userId, shown.sessionId);
    const verdict = judgeRefresh(
      session && {
        current: sameHash(shown.hash, session.refresh_hash),
        previous: sameHash(shown.hash, session.previous_refresh_hash),
        rotatedMsAgo: Date.now() - session.rotated_at.getTime(),
      },
    );
    if (verdict === "end-session") await store.endSessions(shown.userId, shown.sessionId);
    if (verdict !== "rotate" || !session) throw sessionEnded();
    const next = newRefreshToken(shown.userId, shown.sessionId);
    if (!(await store.rotate(session, next.hash, new Date(Date.now() + sessionMs)))) {
      // Somebody else swapped it a moment ago, which the grace period allows once more.
      const again = await store.session(shown.userId, shown.sessionId);
      if (!again || !(await store.rotate(again, next.hash, new Date(Date.now() + sessionMs))))
        throw sessionEnded();
    }
    const [account] = await store.accountsById([shown.userId]);
    if (!account) throw sessionEnded();
    return sessionAnswer(tokens, account, { id: session.id as SessionId, classic: false }, next.token);
  };
}
