import { createHash } from "node:crypto";
import { addressKey } from "#platform/http/client-address.ts";

/** So many devices and addresses of a person are remembered, those that were used last. */
export const maxKnownDevices = 40;

/**
 * What somebody is known by who logs in: the secret that their browser keeps, then their address. Whoever has
 * logged in by one of them has guesses of their own, which nobody else can use up.
 */
export function marksOf(from: { device: string; address: string }): Buffer[] {
  const mark = (kind: string, text: string) => createHash("sha256").update(`${kind} ${text}`).digest();
  const device = from.device ? [mark("device", from.device)] : [];
  const address = from.address ? [mark("address", addressKey(from.address))] : [];
  return [...device, ...address];
}
