import { lookup } from "node:dns";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { request } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "./public-address.ts";

/** An address that a stranger gave us and that we do not ask. */
export class NotOutside extends Error {}

interface Post {
  headers: Record<string, string | number>;
  body: Uint8Array;
  /** Ends it, connecting included. */
  signal: AbortSignal;
  /** For tests: http, any port, and addresses in our own network. */
  allowPrivate: boolean;
}

/** Whether a URL is one that may be asked, as far as that is known without asking for its address. */
export function isOutside(text: string, allowPrivate: boolean): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, port, hostname } = new URL(text);
  if (username || password) return false;
  if (allowPrivate) return protocol === "https:" || protocol === "http:";
  const host = hostname.replace(/^\[|\]$/g, "");
  return protocol === "https:" && port === "" && (isIP(host) === 0 || isPublicAddress(host));
}

/**
 * Posts to an address that a stranger gave us: only to the Internet, never into our own network, and nowhere else than
 * there (no redirect is followed). The addresses that are checked are those that are connected to. Errors: NotOutside, and
 * whatever a network says.
 */
export async function postOutside(
  url: string,
  { headers, body, signal, allowPrivate }: Post,
): Promise<{ status: number; retryAfter: string | undefined }> {
  if (!isOutside(url, allowPrivate))
    throw new NotOutside(`${new URL(url).protocol}// address that is not asked`);
  const send = allowPrivate && url.startsWith("http:") ? plainRequest : request;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = send(url, {
      method: "POST",
      headers,
      signal,
      agent: false,
      ...(!allowPrivate && { lookup: lookupOutside }),
    });
    asked.once("response", resolve);
    asked.once("error", reject);
    asked.end(body);
  });
  // Nothing of the answer but its head is of use.
  response.on("error", () => {});
  response.destroy();
  return { status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] };
}

const lookupOutside: LookupFunction = (hostname, options, answer) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const [first] = found ?? [];
    if (error || !first) return answer(error ?? new Error("no address"), []);
    if (!found.every(({ address }) => isPublicAddress(address)))
      return answer(new NotOutside(`${hostname} is in a network of our own`), []);
    if (options.all) answer(null, found);
    else answer(null, first.address, first.family);
  });
};
