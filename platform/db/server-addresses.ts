import pg from "pg";
import { refusal } from "../errors/reasons.ts";

/** One server of those that a connection string names. */
export interface ServerAddress {
  /** The same connection string with this server alone. */
  url: string;
  host: string;
  port: number;
}

/**
 * The servers that a connection string names, as libpq has it: `postgres://user:password@a:5432,b:5433/name`, or with
 * folders of sockets, `postgres://user:password@/name?host=/a,/b&port=5432,5433`. Error: DATABASE_URL_INVALID.
 */
export function serverAddresses(url: string): ServerAddress[] {
  const [scheme, rest] = cut(url, "://");
  if (!["postgres", "postgresql"].includes(scheme) || !rest) throw refusal("DATABASE_URL_INVALID");
  const [beforeQuery, query = ""] = cut(rest, "?");
  const [authority, name = ""] = cut(beforeQuery, "/");
  const user = authority.slice(0, authority.lastIndexOf("@") + 1);
  const parameters = new URLSearchParams(query);
  const hosts = parameters.get("host")?.split(",") ?? [];
  const ports = parameters.get("port")?.split(",") ?? [];
  if (hosts.length > 1)
    return hosts.map((host, i) => {
      const own = new URLSearchParams(parameters);
      own.set("host", host);
      if (ports.length > 0) own.set("port", ports[i] ?? ports[0]!);
      return addressOf(`${scheme}://${user}/${name}?${own}`);
    });
  return authority
    .slice(user.length)
    .split(",")
    .map((server) => addressOf(`${scheme}://${user}${server}/${name}${query ? `?${query}` : ""}`));
}

function addressOf(url: string): ServerAddress {
  try {
    const { host, port } = new pg.Client({ connectionString: url });
    return { url, host, port };
  } catch {
    // The driver's own error may contain the password.
    throw refusal("DATABASE_URL_INVALID");
  }
}

/** What is before and after the first `at`. */
function cut(text: string, at: string): [string, string | undefined] {
  const i = text.indexOf(at);
  return i < 0 ? [text, undefined] : [text.slice(0, i), text.slice(i + at.length)];
}
