import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Encrypts values in the database, so that a copy of the database alone is of no use. */
export interface KeySeal {
  /** Bound to the name. */
  seal(name: string, text: string): Buffer;
  /** Undefined if it was sealed with another secret, for another name, or changed. */
  open(name: string, sealed: Buffer): string | undefined;
}

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/**
 * AES-256-GCM with a key derived from the secret for a purpose (HKDF-SHA-256): nonce, tag, ciphertext. What is sealed for
 * one purpose opens for no other.
 */
export function sealedBy(secret: string, purpose: string): KeySeal {
  const key = Buffer.from(hkdfSync("sha256", secret, "", `douya ${purpose}`, 32));
  return {
    seal(name, text) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(name));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open(name, sealed) {
      if (sealed.length < nonceBytes + tagBytes) return undefined;
      const [nonce, tag] = [
        sealed.subarray(0, nonceBytes),
        sealed.subarray(nonceBytes, nonceBytes + tagBytes),
      ];
      const cipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
        .setAAD(Buffer.from(name))
        .setAuthTag(tag);
      try {
        return (
          cipher.update(sealed.subarray(nonceBytes + tagBytes), undefined, "utf8") + cipher.final("utf8")
        );
      } catch {
        return undefined;
      }
    },
  };
}
