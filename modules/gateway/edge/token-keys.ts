import { type CryptoKey, importJWK } from "jose";
import { refusal } from "#contracts/reasons.ts";
import { type IssuerKey, issuerKeyIn, isUsable } from "#platform/keys/issuer-key.ts";
import type { IssuerKeys } from "#platform/keys/issuer-keys.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

/** The public keys with which access tokens are verified. */
export interface TokenKeys {
  /** Errors: TOKEN_INVALID when there is no such key, or its time is over; those of the service that is asked. */
  keyOf(kid: string, call: Call): Promise<CryptoKey>;
}

/** Clients must not make us ask for every token that they invent. */
const askAgainMs = 5_000;
/** Less than a new key is published before it signs, so that it is known by then. */
const staleMs = 20_000;

/** Keys that are known through `issuerKeys`; the service that issues tokens is asked for others. */
export function createTokenKeys(
  issuerKeys: Pick<IssuerKeys, "known">,
  user: Pick<GatewayClients["user"], "listPublicKeys">,
): TokenKeys {
  const imported = new Map<string, Promise<CryptoKey>>();
  let asked: IssuerKey[] = [];
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;

  function ask(call: Call): Promise<void> {
    asking ??= user
      // Others wait for the answer too: it does not end with the client who asked first.
      .listPublicKeys({}, { ...call, signal: undefined })
      .then(({ jwks }) => {
        // An older version of the service does not say how long.
        const always = { nbf: 0, exp: Number.MAX_SAFE_INTEGER };
        asked = jwks
          .map((jwk) => issuerKeyIn({ ...always, ...JSON.parse(jwk) }))
          .filter((key) => key !== undefined);
        askedAtMs = performance.now();
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  }

  function find(kid: string): IssuerKey | undefined {
    for (const key of issuerKeys.known("user")) if (key.kid === kid && isUsable(key)) return key;
    return asked.find((key) => key.kid === kid && isUsable(key));
  }

  function importOnce({ x, ...key }: IssuerKey): Promise<CryptoKey> {
    const known = imported.get(x) ?? (importJWK({ ...key, x }, "EdDSA") as Promise<CryptoKey>);
    imported.set(x, known);
    return known;
  }

  return {
    async keyOf(kid, call) {
      const sinceMs = performance.now() - askedAtMs;
      let key = find(kid);
      if (!key && sinceMs > askAgainMs) {
        await ask(call);
        key = find(kid);
      } else if (key && asked.includes(key) && sinceMs > staleMs) ask(call).catch(() => {});
      if (!key) throw refusal("TOKEN_INVALID");
      return importOnce(key);
    },
  };
}
