import type { NodeConnectionOptions } from "@nats-io/transport-node";
import { refusal } from "../../errors/reasons.ts";
import type { EngineTls } from "../../tls/engine-tls.ts";

/** `tls`: PEM texts, where the connection is encrypted. */
export type NatsOptions = NodeConnectionOptions & { tls?: Record<string, string> };

/**
 * Options for `nats://host:4222`, several with commas; `tls://` encrypts with `tls`, `user:password@` or `token@` in the first
 * one are the credentials. Error: NATS_URL_INVALID.
 */
export function natsAddress(text: string, tls: EngineTls = {}): NatsOptions {
  const urls = text.split(",").map((part) => parse(part.trim(), text));
  const [{ username, password }] = urls as [URL];
  const user = decodeURIComponent(username);
  const credentials = password ? { user, pass: decodeURIComponent(password) } : { token: user };
  return {
    servers: urls.map(({ host }) => host),
    ...(username && credentials),
    ...(urls.some(({ protocol }) => protocol === "tls:") && { tls: inText(tls) }),
  };
}

function inText(tls: EngineTls): Record<string, string> {
  return Object.fromEntries(Object.entries(tls).map(([what, pem]) => [what, pem.toString()]));
}

function parse(part: string, text: string): URL {
  try {
    const url = new URL(part.includes("://") ? part : `nats://${part}`);
    const isPlain = url.hostname !== "" && ["", "/"].includes(url.pathname) && url.search === "";
    if (isPlain && ["nats:", "tls:"].includes(url.protocol)) return url;
  } catch {
    // Said below.
  }
  throw refusal("NATS_URL_INVALID", { text: withoutSecret(text) });
}

/** What stands before the last "@" may be a password, whatever is in it. */
function withoutSecret(text: string): string {
  const at = text.lastIndexOf("@");
  return at < 0 ? text : `…${text.slice(at)}`;
}
