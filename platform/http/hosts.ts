import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";
import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { canonicalAddress } from "./client-address.ts";

/** The name in a Host header, without port and in lower case; undefined if it is no name. */
function hostName(host: string): string | undefined {
  const [, name] = /^(\[[\da-f:.]+\]|[\w.-]{1,255})(?::\d{1,5})?$/i.exec(host) ?? [];
  return name?.toLowerCase().replace(/\.$/, "");
}

/** Whether a name always means this machine, whoever uses it. */
export function isLoopbackHost(host: string): boolean {
  const name = hostName(host);
  return name !== undefined && (/^(.+\.)?localhost$/.test(name) || isLoopback(canonicalAddress(name)));
}

export function isLoopback(address: string | undefined): boolean {
  return address === "::1" || /^127\./.test(address ?? "");
}

/**
 * Refuses names that are not the server's, if it has one (`publicUrl`). A stranger's name can be pointed to this
 * address (DNS rebinding), and a browser then treats our answers as the stranger's. It takes a name to do so:
 * addresses are accepted, and so are names that nobody can own. Returns HOST_UNKNOWN, or undefined.
 */
export function wrongHost({ raw }: FastifyRequest, publicUrl: string): DomainError | undefined {
  if (publicUrl === "") return undefined;
  // An absolute address overrides the header (RFC 9112, 3.2.2).
  const asked = /^https?:\/\/([^/?#]*)/i.exec(raw.url ?? "")?.[1] ?? raw.headers.host;
  // HTTP/1.0 clients send none; browsers always do.
  if (asked === undefined) return undefined;
  const name = hostName(asked);
  const isOurs =
    name !== undefined &&
    (name === new URL(publicUrl).hostname ||
      isIP(name.replace(/^\[|\]$/g, "")) !== 0 ||
      /^(.+\.)?(localhost|local)$/.test(name));
  if (isOurs) return undefined;
  const message = `This server is ${publicUrl}. Ask for it by that name, or set DOUYA_PUBLIC_URL to this one.`;
  return refusal("HOST_UNKNOWN", message);
}
