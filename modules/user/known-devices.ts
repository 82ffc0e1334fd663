import { createHash } from "node:crypto";
import { addressKey } from "#platform/http/client-address.ts";

/** This many devices and addresses of a person are remembered, the most recently used ones. */
export const maxKnownDevices = 40;

/**
 * How a person who logs in is recognised: by the secret that their browser keeps, then by their address. Each known
 * one has guesses of its own, which nobody else can use up.
 */
export function marksOf(from: { device: string; address: string }): Buffer[] {
  const mark = (kind: string, text: string) => createHash("sha256").update(`${kind} ${text}`).digest();
  const device = from.device ? [mark("device", from.device)] : [];
  const address = from.address ? [mark("address", addressKey(from.address))] : [];
  return [...device, ...address];
}
