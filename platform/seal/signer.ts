import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";

/** Signs texts that come back from outside, so that nobody else can make them. */
export interface Signer {
  /** What follows the text, as `data`, is told from it by the text itself: it says where it ends. */
  sign(text: string, data?: Uint8Array): string;
  isSigned(text: string, signature: string, data?: Uint8Array): boolean;
}

const nothing = new Uint8Array();

/** HMAC-SHA-256 in base64url, with a key derived from the secret for a purpose (HKDF-SHA-256). */
export function signerOf(secret: string, purpose: string): Signer {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", `douya ${purpose}`, 32)));
  const sign = (text: string, data: Uint8Array = nothing) =>
    createHmac("sha256", key).update(text).update(data).digest("base64url");
  return {
    sign,
    isSigned(text, signature, data) {
      // As texts: other spellings of the same bytes are refused, too, so that a URL has one form.
      const given = Buffer.from(signature);
      const right = Buffer.from(sign(text, data));
      return given.length === right.length && timingSafeEqual(given, right);
    },
  };
}
