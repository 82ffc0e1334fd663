import { promises as dns, type LookupAddress } from "node:dns";
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
  if (protocol !== "https:" || port !== "") return false;
  return isIP(host) === 0 ? !isOwnName(host) : isPublicAddress(host);
}

/** Names that are nobody's on the Internet (RFC 6761, 6762, 8375). */
function isOwnName(host: string): boolean {
  const name = host.replace(/\.$/, "");
  return !name.includes(".") || /\.(localhost|local|internal|home\.arpa)$/.test(name);
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
      ...(!allowPrivate && { lookup: lookupOutside(signal) }),
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

const nameServerMs = 2_000;

/**
 * Asks name servers itself: the system's lookup holds one of few threads of the process for as long as a stranger's name
 * server is silent, also after nobody waits for it any more.
 */
const lookupOutside =
  (signal: AbortSignal): LookupFunction =>
  (hostname, { all, family }, answer) => {
    addressesOf(hostname, signal).then(
      (found) => {
        const wanted = found.filter((one) => family === 0 || family === undefined || one.family === family);
        const [first] = wanted;
        if (!first) answer(new Error(`${hostname} has no address`), []);
        else if (all) answer(null, wanted);
        else answer(null, first.address, first.family);
      },
      (error) => answer(error, []),
    );
  };

/** All of them are on the Internet. Errors: NotOutside, and those of the name servers. */
export async function addressesOf(
  hostname: string,
  signal: AbortSignal,
  servers?: readonly string[],
): Promise<LookupAddress[]> {
  const resolver = new dns.Resolver({ timeout: nameServerMs, tries: 1 });
  if (servers) resolver.setServers(servers);
  const cancel = () => resolver.cancel();
  signal.throwIfAborted();
  signal.addEventListener("abort", cancel);
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    signal.throwIfAborted();
    const of = (answers: typeof v4, family: 4 | 6) =>
      answers.status === "fulfilled" ? answers.value.map((address) => ({ address, family })) : [];
    const found = [...of(v4, 4), ...of(v6, 6)];
    if (found.length === 0 && v4.status === "rejected") throw v4.reason;
    if (!found.every(({ address }) => isPublicAddress(address)))
      throw new NotOutside(`${hostname} is in a network of our own`);
    return found;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
