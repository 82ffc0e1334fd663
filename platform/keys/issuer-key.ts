/** The public half of a key pair that signs tokens: a JSON Web Key (Ed25519) with the seconds in which it may be used. */
export interface IssuerKey {
  kty: "OKP";
  crv: "Ed25519";
  alg: "EdDSA";
  use: "sig";
  kid: string;
  x: string;
  nbf: number;
  exp: number;
}

/** The clocks of two machines may differ by so much. */
const clockToleranceS = 15 * 60;
const text32Bytes = /^[\w-]{43}$/;

/** What is a key in a value that anybody may have written; undefined if it is none. Private parts are left out. */
export function issuerKeyIn(value: unknown): IssuerKey | undefined {
  const { kty, crv, alg, kid, x, nbf, exp } = (value ?? {}) as Record<string, unknown>;
  if (kty !== "OKP" || crv !== "Ed25519" || alg !== "EdDSA") return undefined;
  if (typeof kid !== "string" || !text32Bytes.test(kid)) return undefined;
  if (typeof x !== "string" || !text32Bytes.test(x)) return undefined;
  if (!isSecond(nbf) || !isSecond(exp) || nbf >= exp) return undefined;
  return { kty, crv, alg, use: "sig", kid, x, nbf, exp };
}

/** Whether tokens may be verified with it now. */
export function isUsable({ nbf, exp }: IssuerKey, nowMs = Date.now()): boolean {
  const now = nowMs / 1000;
  return nbf - clockToleranceS <= now && now <= exp + clockToleranceS;
}

function isSecond(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
