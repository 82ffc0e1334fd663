import { createHmac, createSecretKey } from "node:crypto";
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";

/** What tokens were for before they named a service: processes of that version may still run beside ours. */
const anyService = "douya-service";
const lifetimeMs = 5 * 60_000;
/** How far the clocks of two machines may be apart. */
const clockToleranceS = 15 * 60;

/**
 * How services prove their identity to each other: a short-lived HS256 token over the cluster's secret that names the
 * calling module and the service that is called, so that it is worth nothing elsewhere. The callee accepts only modules
 * that declared the dependency.
 */
export interface ServiceTokens {
  /** A token that says "I am `module`, and I call `service`"; cached and renewed before it expires. */
  issue(module: string, service: string): Promise<string>;
  /**
   * The module that a token for `service` names. Errors: SERVICE_TOKEN_INVALID, SERVICE_SECRET_DIFFERS,
   * SERVICE_TOKEN_EXPIRED, SERVICE_TOKEN_ELSEWHERE.
   */
  verify(token: string, service: string): Promise<string>;
}

export function createServiceTokens(secret: string): ServiceTokens {
  const key = createSecretKey(Buffer.from(secret));
  /** Tells secrets apart without telling anything about them. */
  const kid = createHmac("sha256", key).update("douya service token").digest("hex").slice(0, 12);
  const issued = new Map<string, { token: Promise<string>; renewAtMs: number }>();
  const verified = new LRUCache<string, string>({ max: 1000 });

  async function check(token: string, service: string): Promise<string> {
    let given: string | undefined;
    try {
      given = decodeProtectedHeader(token).kid;
    } catch {
      throw refusal("SERVICE_TOKEN_INVALID");
    }
    if (given !== undefined && given !== kid) throw refusal("SERVICE_SECRET_DIFFERS");
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ["HS256"],
        clockTolerance: clockToleranceS,
        requiredClaims: ["iss", "aud", "exp"],
      });
      const meant = [payload.aud!].flat();
      if (given ? !meant.includes(service) : String(meant) !== anyService)
        throw refusal("SERVICE_TOKEN_ELSEWHERE", { meant: meant.at(-1)!, asked: service });
      const leftMs = payload.exp! * 1000 - Date.now() + clockToleranceS * 1000;
      verified.set(`${service} ${token}`, payload.iss!, { ttl: Math.max(1, leftMs) });
      return payload.iss!;
    } catch (error) {
      throw asRefusal(error);
    }
  }

  return {
    issue(module, service) {
      const name = `${module} ${service}`;
      const known = issued.get(name);
      // The clock may have been set back.
      const leftMs = known ? known.renewAtMs - Date.now() : 0;
      if (known && leftMs > 0 && leftMs <= lifetimeMs) return known.token;
      const token = new SignJWT()
        .setProtectedHeader({ alg: "HS256", kid })
        .setIssuer(module)
        .setAudience([anyService, service])
        .setExpirationTime(new Date(Date.now() + lifetimeMs))
        .sign(key);
      issued.set(name, { token, renewAtMs: Date.now() + lifetimeMs / 2 });
      return token;
    },
    async verify(token, service) {
      return verified.get(`${service} ${token}`) ?? check(token, service);
    },
  };
}

function asRefusal(error: unknown): DomainError {
  if (error instanceof errors.JWTExpired) return refusal("SERVICE_TOKEN_EXPIRED");
  return error instanceof errors.JOSEError ? refusal("SERVICE_TOKEN_INVALID") : (error as DomainError);
}
