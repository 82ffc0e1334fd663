import { expect, test } from "vitest";
import type { IssuerKey } from "../keys/issuer-key.ts";
import type { IssuerKeys } from "../keys/issuer-keys.ts";

const nowS = Math.floor(Date.now() / 1000);
const day = 24 * 3600;

/** A key that may be used now; `letter` makes it another one. */
export function issuerKey(letter: string, more: Partial<IssuerKey> = {}): IssuerKey {
  const [kid, x] = [letter.repeat(43), "x".repeat(43)];
  return {
    ...{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid, x, nbf: nowS - day, exp: nowS + day },
    ...more,
  };
}

/** What every way to make public keys known keeps to. `open` makes what a service and what a verifier have. */
export function issuerKeysContract(open: () => Promise<{ service: IssuerKeys; verifier: IssuerKeys }>): void {
  const kids = (keys: IssuerKeys) => [...keys.known("user")].map(({ kid }) => kid[0]).sort();

  test("what a service publishes is known to whoever verifies, of this issuer alone", async () => {
    const { service, verifier } = await open();
    expect([...verifier.known("user")]).toEqual([]);
    await service.publish("user", [issuerKey("a")]);
    await expect.poll(() => [...verifier.known("user")]).toEqual([issuerKey("a")]);
    expect([...verifier.known("video")]).toEqual([]);
  });

  test("the next key and the one before are known together, however often they are published", async () => {
    const { service, verifier } = await open();
    for (const keys of [["a"], ["a", "b"], ["a", "b"]])
      await service.publish(
        "user",
        keys.map((letter) => issuerKey(letter)),
      );
    await expect.poll(() => kids(verifier)).toEqual(["a", "b"]);
  });
}
