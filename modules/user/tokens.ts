import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { IssuerKey } from "#platform/keys/issuer-key.ts";
import type { IssuerKeys } from "#platform/keys/issuer-keys.ts";
import type { KeyStore, SigningKey } from "./key-store.ts";
import { accessTokenMs, sessionMs } from "./rules.ts";

/** How often a device that refreshes on time does so before a token is forgotten. */
const maxGenerations = sessionMs / accessTokenMs;
/** Much less than a key is published ahead. */
const reloadMs = 10_000;

export interface Tokens {
  /** A signed access token (Ed25519 JWT) for a session, with the role that its person has now, and when it ends. */
  access(
    account: { id: UserId; moderator: boolean; mutedUntilMs: number },
    session: { id: SessionId; classic: boolean; expiresAt: Date },
  ): Promise<{ token: string; expiresAtMs: number }>;
  /**
   * The refresh token after another one: always the same, so that a lost answer and two tabs that ask at once end
   * with the same token. Only the server can derive it.
   */
  refreshAfter(shown: ShownRefreshToken): { token: string; hash: Buffer };
  /** Whether a token belonged to a session before: a token after it has this hash. Takes some milliseconds. */
  leadsTo(shown: ShownRefreshToken, hash: Buffer): boolean;
  publicKeys(): Promise<IssuerKey[]>;
  stop(): void;
}

/**
 * The key pairs of this service. The private halves never leave it; the public ones are published. `secret` is the
 * cluster's: refresh tokens are derived with it, so that another signing key changes nothing for them.
 */
export async function createTokens(
  store: KeyStore,
  options: {
    issuerKeys: Pick<IssuerKeys, "publish">;
    secret: string;
    rotateAfterMs: number;
    onError: (error: unknown) => void;
  },
): Promise<Tokens> {
  const { issuerKeys, secret, rotateAfterMs, onError } = options;
  const refreshKey = Buffer.from(hkdfSync("sha256", secret, "", "douya refresh tokens", 32));
  const load = async () => {
    const { kid, privateJwk } = await store.currentKey(newKey, rotateAfterMs);
    // While it cannot be published, whoever verifies asks us.
    issuerKeys.publish("user", await store.publicKeys()).catch(onError);
    return { kid, key: await importJWK(privateJwk, "EdDSA") };
  };
  let signer = await load();
  const secretAfter = (shown: Buffer) =>
    createHmac("sha256", refreshKey).update("next refresh token").update(shown).digest();
  const timer = setInterval(() => {
    load().then((loaded) => {
      signer = loaded;
    }, onError);
  }, reloadMs);
  return {
    async access({ id, moderator, mutedUntilMs }, { id: sessionId, classic, expiresAt }) {
      const lastsMs = classic ? sessionMs : accessTokenMs;
      const expiresAtMs = Math.min(Date.now() + lastsMs, expiresAt.getTime());
      const muted = mutedUntilMs > Date.now() && { muted: mutedUntilMs };
      const token = await new SignJWT({ sid: sessionId, ...(moderator && { mod: true }), ...muted })
        .setProtectedHeader({ alg: "EdDSA", kid: signer.kid })
        .setIssuer("user")
        .setAudience("douya")
        .setSubject(id)
        .setIssuedAt()
        .setExpirationTime(new Date(expiresAtMs))
        .sign(signer.key);
      return { token, expiresAtMs };
    },
    refreshAfter: ({ userId, sessionId, secret }) => refreshToken(userId, sessionId, secretAfter(secret)),
    leadsTo({ secret }, hash) {
      let next = secret;
      for (let i = 0; i < maxGenerations; i++) {
        next = secretAfter(next);
        if (sameHash(sha256(next), hash)) return true;
      }
      return false;
    },
    publicKeys: store.publicKeys,
    stop: () => clearInterval(timer),
  };
}

async function newKey(): Promise<SigningKey> {
  const pair = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const publicJwk = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  return {
    kid,
    privateJwk: await exportJWK(pair.privateKey),
    publicJwk: { ...publicJwk, kid, alg: "EdDSA", use: "sig" },
  };
}

/** A refresh token names its session and carries a secret; only its hash is stored. */
export function newRefreshToken(userId: UserId, sessionId: SessionId) {
  return refreshToken(userId, sessionId, randomBytes(32));
}

function refreshToken(userId: UserId, sessionId: SessionId, secret: Buffer): { token: string; hash: Buffer } {
  return { token: `${userId}.${sessionId}.${secret.toString("base64url")}`, hash: sha256(secret) };
}

export interface ShownRefreshToken {
  userId: UserId;
  sessionId: SessionId;
  secret: Buffer;
  hash: Buffer;
}

export function parseRefreshToken(token: string): ShownRefreshToken | undefined {
  const [userId = "", sessionId = "", text = ""] = token.split(".", 4);
  if (!isId(userId) || !isId(sessionId)) return undefined;
  const secret = Buffer.from(text, "base64url");
  return { userId: userId as UserId, sessionId: sessionId as SessionId, secret, hash: sha256(secret) };
}

export function sameHash(a: Buffer, b: Buffer | null): boolean {
  return b !== null && a.length === b.length && timingSafeEqual(a, b);
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
