import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { cookieOf, isSecure, readCookie } from "./session-cookie.ts";

const name = "douya-viewer";
const dayMs = 24 * 3_600_000;

/** By what a guest is told from others who watch, until the day (UTC) ends: the cookie that was sent, or a new one. */
export function viewerOf(request: FastifyRequest, reply: FastifyReply, publicUrl: string): string {
  const sent = readCookie(request, name);
  if (sent && /^[\w-]{22}$/.test(sent)) return sent;
  const value = randomBytes(16).toString("base64url");
  const lastsS = Math.ceil((dayMs - (Date.now() % dayMs)) / 1000);
  const secure = isSecure(request, publicUrl);
  reply.header("set-cookie", cookieOf({ name, value, path: "/api/v1/playback", lastsS, secure }));
  return value;
}
