import { refusal } from "../errors/reasons.ts";
import { isHostAndPort } from "../registry/host-and-port.ts";
import type { EngineTls } from "../tls/engine-tls.ts";

/** Where Redis is, and how it is reached. */
export interface RedisPlace {
  shape: "single" | "sentinel" | "cluster";
  /** Redis itself, the sentinels, or some nodes of a cluster. */
  nodes: { host: string; port: number }[];
  /** Undefined: nothing is encrypted. */
  tls?: EngineTls;
  username?: string;
  password?: string;
  /** A cluster has only number 0. */
  database: number;
  /** What the sentinels call the primary. */
  primary?: string;
  sentinelPassword?: string;
}

const shapes = new Map<string, RedisPlace["shape"]>([
  ["", "single"],
  ["+sentinel", "sentinel"],
  ["+cluster", "cluster"],
]);
const ports = { single: 6379, sentinel: 26379, cluster: 6379 };

/**
 * Reads `redis://user:password@host:6379/0`, `redis+sentinel://h1:26379,h2:26379/name-of-primary` or
 * `redis+cluster://h1:6379,h2:6379`; `rediss` for TLS, which then rests on `tls`. Error: REDIS_URL_INVALID, which does not repeat the password.
 */
export function parseRedisUrl(url: string, tls: EngineTls = {}): RedisPlace {
  const parts = /^redis(s?)(\+[a-z]+)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url);
  const shape = parts && shapes.get(parts[2] ?? "");
  if (!shape) throw invalid("it begins with none of redis://, redis+sentinel:// and redis+cluster://");
  const [, secure, , authority = "", path = "", query = ""] = parts;
  const at = authority.lastIndexOf("@");
  const nodes = authority
    .slice(at + 1)
    .split(",")
    .map((text) => nodeAt(text.trim(), ports[shape]));
  if (shape === "single" && nodes.length > 1)
    throw invalid("several hosts are a redis+sentinel:// or a redis+cluster://");
  const names = path.split("/").filter(Boolean).map(decoded);
  const primary = shape === "sentinel" ? names.shift() : undefined;
  if (shape === "sentinel" && !primary)
    throw invalid("after the sentinels comes the name of the primary, as in redis+sentinel://h1,h2/mymaster");
  const [database = "0", ...more] = names;
  if (!/^\d{1,4}$/.test(database) || more.length > 0) throw invalid("a database is a number");
  if (shape === "cluster" && database !== "0") throw invalid("a cluster has only database 0");
  const { sentinelPassword } = readQuery(query, shape);
  return {
    shape,
    nodes,
    ...(secure === "s" && { tls }),
    ...(at >= 0 && credentials(authority.slice(0, at))),
    database: Number(database),
    ...(primary !== undefined && { primary }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
  };
}

function nodeAt(text: string, defaultPort: number): { host: string; port: number } {
  const whole = isHostAndPort(text) ? text : `${text}:${defaultPort}`;
  if (!isHostAndPort(whole)) throw invalid("an address is host or host:port, with commas between several");
  const colon = whole.lastIndexOf(":");
  return { host: whole.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(whole.slice(colon + 1)) };
}

function credentials(text: string): { username?: string; password?: string } {
  const colon = text.indexOf(":");
  const username = decoded(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? "" : decoded(text.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password }) };
}

function readQuery(query: string, shape: RedisPlace["shape"]): { sentinelPassword?: string } {
  const given = new URLSearchParams(query);
  const sentinelPassword = shape === "sentinel" ? given.get("sentinel_password") : null;
  given.delete(shape === "sentinel" ? "sentinel_password" : "");
  if (given.size > 0) throw invalid(`"${[...given.keys()][0]}" is no option of it`);
  return sentinelPassword === null ? {} : { sentinelPassword };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("a % in a name or a password is written %25");
  }
}

function invalid(what: string) {
  return refusal("REDIS_URL_INVALID", { what });
}
