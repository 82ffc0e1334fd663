import { errors, jwtVerify } from "jose";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Caches } from "#platform/cache/caches.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import type { IssuerKeys } from "#platform/keys/issuer-keys.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Signals } from "#platform/signals/signals.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { feltMs, watchEndedSessions } from "./ended-sessions.ts";
import { createTokenKeys } from "./token-keys.ts";

export interface Identity {
  userId: UserId;
  sessionId: SessionId;
  /** Whether this person may moderate. */
  moderator: boolean;
  /** Until when this person may not speak; 0: they may. */
  mutedUntilMs: number;
}

export interface Auth {
  /** Whose token it is, if it was ever checked here: for what allows nothing. */
  userOf(token: string): string | undefined;
  /** The caller that a token identifies, when that is known without a call. */
  known(token: string): Identity | undefined;
  /** The caller that a token identifies. Errors: TOKEN_INVALID, TOKEN_EXPIRED, SESSION_ENDED. */
  identify(token: string, call: Call): Promise<Identity>;
  /** Forgets a person's verified tokens, here and in other gateways, because sessions have ended. */
  forget(userId: string): void;
  stop(): void;
}

interface Verified extends Identity {
  expiresAtMs: number;
  /** When the session was last seen alive, by performance.now: a clock that is set back would keep it. */
  checkedAtMs: number;
  /** When to check it again without a request waiting for it, by performance.now. */
  revalidateAtMs: number;
  /**
   * How many times anybody had been forgotten when the check began: a clock could not order two things within a
   * millisecond.
   */
  checkedAtForget: number;
}

/** That a person or a session was forgotten: the how many-th time that anybody was, and when. */
interface Forget {
  count: number;
  atMs: number;
  /** It is a session that is known to have ended: nobody need be asked. */
  ended?: true;
}

/**
 * After this at the most, a session is checked again with its next request, although the log told nothing against it. What
 * ended in another process is felt within `feltMs`; in this process it takes effect at once.
 */
const recheckMs = 60_000;
/** By how much the clocks of issuer and gateway may differ. */
const skewMs = 5_000;
/** More people than log out within `recheckMs`; when one is evicted, everybody's session is checked once. */
const maxForgotten = 10_000;

/**
 * Verifies access tokens with the public keys of the service that issues them; the gateway can never sign. Verified
 * tokens are cached, since one Ed25519 check costs about as much as a small request. `checked` is told how long requests
 * had to wait for a look or a check.
 */
export function createAuth(
  user: GatewayClients["user"],
  caches: Pick<Caches, "local">,
  events: EventBroadcast,
  signals: Signals,
  issuerKeys: IssuerKeys,
  checked: (seconds: number) => void = () => {},
): Auth {
  const verified = caches.local<Verified>("verified tokens", { max: 100_000 });
  const tokenKeys = createTokenKeys(issuerKeys, user);
  let forgets = 0;
  /** An evicted entry may be as recent as this. */
  let forgetsLost = 0;
  /** When that was: of whoever has logged in since, nothing is lost. */
  let lostAtMs = Number.POSITIVE_INFINITY;
  const lose = ({ count, atMs }: Forget) => {
    // An older one is evicted after a gap in the log: what was lost then stays so.
    if (count <= forgetsLost) return;
    forgetsLost = count;
    lostAtMs = atMs;
  };
  /** By the id of the person, or of the session. */
  const forgottenAt = caches.local<Forget>("forgotten people", { max: maxForgotten, onEvict: lose });
  const nextForget = (): Forget => ({ count: ++forgets, atMs: Date.now() });

  const ended = watchEndedSessions(events, signals, (whose) => {
    if (whose === undefined) return lose(nextForget());
    const { userId, sessionIds } = whose;
    for (const sessionId of sessionIds) forgottenAt.set(sessionId, { ...nextForget(), ended: true });
    if (sessionIds.length === 0) forgottenAt.set(userId, nextForget());
  });
  /** For how long nobody waits for another check: while the log is followed, an end would have been heard. */
  const goodForMs = () => (ended.isCurrent() ? Number.POSITIVE_INFINITY : feltMs);

  /**
   * A session was alive when its token was issued. If the log has been followed without a gap since then, its end would
   * have been heard: nobody waits for a check. There is one nevertheless, in the background, because clocks can be wrong.
   */
  async function verify(token: string, call: Call): Promise<Verified> {
    const options = { algorithms: ["EdDSA"], issuer: "user", audience: "douya" };
    try {
      const { payload } = await jwtVerify(token, ({ kid = "" }) => tokenKeys.keyOf(kid, call), options);
      const now = Date.now();
      const issuedAtMs = (payload.iat ?? 0) * 1000;
      const heard = ended.isCurrent() && issuedAtMs - skewMs > lostAtMs && issuedAtMs < now + skewMs;
      const known: Verified = {
        userId: payload.sub as UserId,
        sessionId: payload.sid as SessionId,
        moderator: payload.mod === true,
        mutedUntilMs: typeof payload.muted === "number" ? payload.muted : 0,
        expiresAtMs: payload.exp! * 1000,
        checkedAtMs: heard ? performance.now() : Number.NEGATIVE_INFINITY,
        revalidateAtMs: 0,
        checkedAtForget: heard ? forgetsLost : 0,
      };
      if (heard && !isForgotten(known)) verified.set(token, known);
      return known;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      if (error instanceof errors.JWTExpired) throw refusal("TOKEN_EXPIRED");
      throw refusal("TOKEN_INVALID");
    }
  }

  const statesOf = coalesce(async (sessions: { userId: string; sessionId: string }[], call) => {
    const { aliveSessionIds, moderatorSessionIds, mutedSessions } = await user.checkSessions(
      { sessions },
      call,
    );
    const [alive, moderators] = [new Set(aliveSessionIds), new Set(moderatorSessionIds)];
    const muted = new Map(mutedSessions.map(({ sessionId, untilMs }) => [sessionId, untilMs]));
    return sessions.map(({ sessionId }) => ({
      alive: alive.has(sessionId),
      moderator: moderators.has(sessionId),
      mutedUntilMs: muted.get(sessionId) ?? 0,
    }));
  });

  async function check(token: string, known: Verified, call: Call): Promise<void> {
    const now = performance.now();
    const before = forgets;
    // Not twice at once, and afterwards not for all tokens at the same moment.
    known.revalidateAtMs = now + recheckMs * (0.5 + Math.random() / 4);
    const { alive, moderator, mutedUntilMs } = await statesOf(known, call);
    if (!alive) {
      // Whose end the log did not tell is waited for from now on.
      if (verified.peek(token)) forgottenAt.set(known.userId, nextForget());
      verified.delete(token);
      throw refusal("SESSION_ENDED");
    }
    known.moderator = moderator;
    known.mutedUntilMs = mutedUntilMs;
    known.checkedAtMs = now;
    // If the session ended during the check, it was forgotten after this.
    known.checkedAtForget = before;
    verified.set(token, known);
  }

  // `peek`, because a lookup must not renew the entry.
  const isForgotten = ({ userId, sessionId, checkedAtForget }: Verified) =>
    checkedAtForget <
    Math.max(forgottenAt.peek(userId)?.count ?? 0, forgottenAt.peek(sessionId)?.count ?? 0, forgetsLost);

  /** Until a session counts as alive. Error: SESSION_ENDED. */
  async function requireAlive(token: string, known: Verified, call: Call): Promise<void> {
    if (forgottenAt.peek(known.sessionId)?.ended) {
      verified.delete(token);
      throw refusal("SESSION_ENDED");
    }
    const now = performance.now();
    if (now - known.checkedAtMs > goodForMs() || isForgotten(known)) await check(token, known, call);
    // Nobody waits for this; if it fails, a later request asks again.
    else if (now > known.revalidateAtMs) check(token, known, call).catch(() => {});
  }

  return {
    userOf: (token) => verified.peek(token)?.userId,
    known(token) {
      const known = verified.get(token);
      const now = performance.now();
      const sure =
        known && Date.now() < known.expiresAtMs && now <= known.revalidateAtMs && !isForgotten(known);
      return sure && now - known.checkedAtMs <= goodForMs() ? known : undefined;
    },
    async identify(token, call) {
      const startedMs = performance.now();
      // One question to the log saves one about each session, where nobody has asked for a while.
      if (!ended.isCurrent()) await ended.catchUp();
      const lookedMs = performance.now() - startedMs;
      const known = verified.get(token) ?? (await verify(token, call));
      if (known.expiresAtMs <= Date.now()) throw refusal("TOKEN_EXPIRED");
      const sinceMs = performance.now();
      await requireAlive(token, known, call).finally(() =>
        checked((lookedMs + performance.now() - sinceMs) / 1000),
      );
      return known;
    },
    forget(userId) {
      forgottenAt.set(userId, nextForget());
      ended.tell(userId);
    },
    stop: ended.stop,
  };
}
