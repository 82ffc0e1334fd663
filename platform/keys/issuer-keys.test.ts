import { describe, expect, test } from "vitest";
import { issuerKey, issuerKeysContract } from "../testing/issuer-keys-contract.ts";
import { issuerKeyIn, isUsable } from "./issuer-key.ts";
import { localIssuerKeys } from "./issuer-keys.ts";

describe("keys that are known in this process", () =>
  issuerKeysContract(async () => {
    const keys = localIssuerKeys();
    return { service: keys, verifier: keys };
  }));

test("private parts of a key are left out", () => {
  expect(issuerKeyIn({ ...issuerKey("a"), d: "secret" })).toEqual(issuerKey("a"));
});

test.each([
  null,
  "text",
  [],
  { ...issuerKey("a"), alg: "HS256" },
  { ...issuerKey("a"), kty: "oct", k: "secret" },
  { ...issuerKey("a"), kid: "../../etc" },
  { ...issuerKey("a"), x: "short" },
  { ...issuerKey("a"), exp: "never" },
  { ...issuerKey("a"), nbf: 5, exp: 4 },
])("%j is no key", (value) => {
  expect(issuerKeyIn(value)).toBeUndefined();
});

test("a key is used from its beginning to its end, and as much longer as clocks may differ", () => {
  const minute = 60;
  const key = issuerKey("a", { nbf: 100 * minute, exp: 200 * minute });
  const at = (minutes: number) => isUsable(key, minutes * minute * 1000);
  expect([84, 86, 150, 214, 216].map(at)).toEqual([false, true, true, true, false]);
});
