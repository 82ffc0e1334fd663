import { BlockList, isIP, isIPv6 } from "node:net";

/** What is not on the Internet: our own machine and network, and what leads there by another name (IANA's registries). */
const notPublic = new BlockList();
for (const [network, prefix] of [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
  ] as const),
  ...([
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.88.99.0", 24],
  ] as const),
  ...([
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
  ] as const),
  ...([
    ["224.0.0.0", 4],
    ["240.0.0.0", 4],
  ] as const),
] as const)
  notPublic.addSubnet(network, prefix, "ipv4");
/** All of the public addresses of IPv6 are in here. */
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");
for (const [network, prefix] of [
  // Teredo, benchmarks, ORCHID, documentation, 6to4: others within, or nobody.
  ...([
    ["2001::", 23],
    ["2001:db8::", 32],
    ["2002::", 16],
    ["3fff::", 20],
  ] as const),
] as const)
  notPublic.addSubnet(network, prefix, "ipv6");

/** Whether an address is on the Internet, and not in our own network. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes("%")) return false;
  if (!isIPv6(address)) return !notPublic.check(address, "ipv4");
  return global.check(address, "ipv6") && !notPublic.check(address, "ipv6");
}
