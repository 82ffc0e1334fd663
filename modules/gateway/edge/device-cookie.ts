import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { cookieOf, isSecure, readCookie } from "./session-cookie.ts";

const name = "douya-device";
const lastsS = 400 * 24 * 3600;

/**
 * The secret by which a browser is recognised at the next login, so that guesses by others do not lock its owner out
 * (OWASP's "device cookies"). It grants no rights. Returns the cookie that was sent, or sets a new one.
 */
export function deviceOf(request: FastifyRequest, reply: FastifyReply, publicUrl: string): string {
  const sent = readCookie(request, name);
  const value = sent && /^[\w-]{32}$/.test(sent) ? sent : randomBytes(24).toString("base64url");
  reply.header(
    "set-cookie",
    cookieOf({ name, value, path: "/api/v1", lastsS, secure: isSecure(request, publicUrl) }),
  );
  return value;
}
