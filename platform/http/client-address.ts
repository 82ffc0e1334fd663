import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** Whether a peer is trusted to name the client's address; `hop` 0 is the one at the other end of the connection. */
export type TrustProxy = (address: string, hop: number) => boolean;

export const trustNobody: TrustProxy = () => false;

const maxHops = 10;
/** Requests without a known address share one. */
const unknown = "unknown";

/**
 * Reads `off`, a number of proxies (`on` is one), or a list of their addresses and networks. With a number, each
 * proxy must add to X-Forwarded-For, and the server must not be reachable past them. Throws a description of what is
 * wrong.
 */
export function parseTrustProxy(text: string): TrustProxy {
  if (text === "off") return trustNobody;
  const hops = text === "on" ? 1 : /^[1-9]\d?$/.test(text) ? Number(text) : undefined;
  if (hops !== undefined) {
    if (hops > maxHops) throw new Error(`must be at most ${maxHops} proxies`);
    return (_address, hop) => hop < hops;
  }
  // Separate lists, since a BlockList also checks an IPv4 address against ::ffff:0:0/96.
  const networks = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const entry of text.split(",")) {
    const { address, length, family } = parseNetwork(entry.trim());
    networks[family].addSubnet(address, length, family);
  }
  return (address) => {
    if (isIP(address) === 0) return false;
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    return networks[family].check(address, family);
  };
}

/** The widest private networks: 10.0.0.0/8 and fc00::/7. */
const widest = { ipv4: 8, ipv6: 7 };

function parseNetwork(entry: string): { address: string; length: number; family: "ipv4" | "ipv6" } {
  const [address = "", prefix, ...rest] = entry.split("/");
  const bits = isIPv4(address) ? 32 : 128;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (!isIP(address) || address.includes("%") || rest.length > 0 || length < 0 || length > bits)
    throw new Error(
      "must be off, how many proxies there are (1), or their addresses and networks (10.0.0.1, fd00::/8)",
    );
  const mapped = isIPv6(address) ? mappedIPv4(canonicalIPv6(address)) : undefined;
  const network =
    mapped !== undefined && length >= 96
      ? { address: mapped, length: length - 96, family: "ipv4" as const }
      : { address, length, family: bits === 32 ? ("ipv4" as const) : ("ipv6" as const) };
  if (network.length < widest[network.family])
    throw new Error(
      `must not trust everybody: ${entry} lets strangers say where they are. Name your own proxies' network, of at least /${widest[network.family]}`,
    );
  return network;
}

/**
 * The client of a request, as told by trusted proxies: X-Forwarded-For is read from its end, where the nearest proxy
 * wrote, up to the first address that is no trusted proxy. Entries further left were written by the client.
 */
export function clientAddress(
  remoteAddress: string | undefined,
  forwardedFor: string | undefined,
  trust: TrustProxy,
): string {
  let address = canonicalAddress(remoteAddress ?? "") ?? unknown;
  const told = forwardedFor?.split(",") ?? [];
  for (let hop = 0; told.length > 0 && trust(address, hop); hop++) {
    const next = canonicalAddress(told.pop()!.trim());
    // A proxy that names no address is itself the client.
    if (next === undefined) break;
    address = next;
  }
  return address;
}

/**
 * The key for limits per address: an IPv4 address, or the /64 of an IPv6 one, the least that one customer gets. A
 * mapped IPv4 address counts as IPv4.
 */
export function addressKey(address: string): string {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) return unknown;
  if (isIPv4(canonical)) return canonical;
  const groups = groupsOf(canonical).slice(0, 4);
  return `${canonicalIPv6(`${groups.join(":")}::`)}/64`;
}

/** The canonical spelling of an address, without brackets, port or zone; undefined if it is none. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const canonical = canonicalIPv6(bare.split("%", 1)[0]!);
  return mappedIPv4(canonical) ?? canonical;
}

/** Lower case and compressed (RFC 5952), except for mapped addresses, which stay hexadecimal. */
function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** The IPv4 address in a canonical `::ffff:102:304`. */
function mappedIPv4(canonical: string): string | undefined {
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const bytes = [high, low].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return bytes.join(".");
}

function groupsOf(canonical: string): string[] {
  const [before = "", after = ""] = canonical.split("::");
  const [head, tail] = [before, after].map((part) => (part === "" ? [] : part.split(":"))) as [
    string[],
    string[],
  ];
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
}
