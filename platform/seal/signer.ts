import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** Signs texts that come back from outside, so that nobody else can make them. */
export interface Signer {
  sign(text: string): string;
  isSigned(text: string, signature: string): boolean;
}

/** HMAC-SHA-256 in base64url, with a key derived from the secret for a purpose (HKDF-SHA-256). */
export function signerOf(secret: string, purpose: string): Signer {
  const key = Buffer.from(hkdfSync("sha256", secret, "", `douya ${purpose}`, 32));
  const hash = (text: string) => createHmac("sha256", key).update(text).digest();
  return {
    sign: (text) => hash(text).toString("base64url"),
    isSigned(text, signature) {
      const given = Buffer.from(signature, "base64url");
      const right = hash(text);
      // Other spellings of the same bytes are refused, too: a URL has one form.
      return (
        given.length === right.length &&
        timingSafeEqual(given, right) &&
        given.toString("base64url") === signature
      );
    },
  };
}
