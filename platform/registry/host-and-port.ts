import { isIPv6 } from "node:net";

/** Whether a text is `host:port`, with an IPv6 address in brackets. */
export function isHostAndPort(text: string): boolean {
  const colon = text.lastIndexOf(":");
  const port = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return false;
  const origin = `http://${text.slice(0, colon)}`;
  // What is more than a host, as a path or a password, is read as something else.
  return URL.canParse(origin) && new URL(origin).hostname === text.slice(0, colon).toLowerCase();
}

/** As `host:port`, with an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
