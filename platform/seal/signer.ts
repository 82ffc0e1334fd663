import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** Signs texts that come back from outside, so that nobody else can make them. */
export interface Signer {
  /** What follows the text, as `data`, is told from it by the text itself: it says where it ends. */
  sign(text: string, data?: Uint8Array): string;
  isSigned(text: string, signature: string, data?: Uint8Array): boolean;
}

const nothing = new Uint8Array();

/** HMAC-SHA-256 in base64url, with a key derived from the secret for a purpose (HKDF-SHA-256). */
export function signerOf(secret: string, purpose: string): Signer {
  const key = Buffer.from(hkdfSync("sha256", secret, "", `douya ${purpose}`, 32));
  const hash = (text: string, data: Uint8Array) =>
    createHmac("sha256", key).update(text).update(data).digest();
  return {
    sign: (text, data = nothing) => hash(text, data).toString("base64url"),
    isSigned(text, signature, data = nothing) {
      const given = Buffer.from(signature, "base64url");
      const right = hash(text, data);
      // Other spellings of the same bytes are refused, too: a URL has one form.
      return (
        given.length === right.length &&
        timingSafeEqual(given, right) &&
        given.toString("base64url") === signature
      );
    },
  };
}
