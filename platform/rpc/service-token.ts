import { createSecretKey } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import { refusal } from "../errors/reasons.ts";

const lifetimeMs = 5 * 60_000;

/**
 * How services prove their identity to each other: a short-lived HS256 token over the cluster's secret that names the
 * calling module. The callee accepts only modules that declared the dependency.
 */
export interface ServiceTokens {
  /** A token that says "I am `module`"; cached and renewed before it expires. */
  issue(module: string): Promise<string>;
  /** The module that a token names. Error: SERVICE_TOKEN_INVALID. */
  verify(token: string): Promise<string>;
}

export function createServiceTokens(secret: string): ServiceTokens {
  const key = createSecretKey(Buffer.from(secret));
  const issued = new Map<string, { token: Promise<string>; renewAtMs: number }>();
  const verified = new LRUCache<string, string>({ max: 1000 });
  return {
    issue(module) {
      const known = issued.get(module);
      if (known && Date.now() < known.renewAtMs) return known.token;
      const token = new SignJWT()
        .setProtectedHeader({ alg: "HS256" })
        .setIssuer(module)
        .setAudience("douya-service")
        .setExpirationTime(new Date(Date.now() + lifetimeMs))
        .sign(key);
      issued.set(module, { token, renewAtMs: Date.now() + lifetimeMs / 2 });
      return token;
    },
    async verify(token) {
      const known = verified.get(token);
      if (known) return known;
      try {
        const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"], audience: "douya-service" });
        const module = payload.iss!;
        verified.set(token, module, { ttl: Math.max(1, payload.exp! * 1000 - Date.now()) });
        return module;
      } catch {
        throw refusal("SERVICE_TOKEN_INVALID");
      }
    },
  };
}
