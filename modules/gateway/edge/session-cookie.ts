import type { FastifyReply, FastifyRequest } from "fastify";
import type { Session } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";

const name = "douya-session";
/** Sent along to these only, so that no other request carries it. */
const path = "/api/v1/sessions";

/**
 * The refresh token of our own client, where no script of the page can read it. Other clients keep theirs
 * themselves and get no cookie.
 */
export interface SessionCookie {
  /**
   * Whether the client keeps its session in the cookie: it says `douya-session: cookie`. A page of another site
   * cannot send that header without being asked about first (CORS), and browsers say where a request comes from.
   * Error: CROSS_SITE.
   */
  wanted(request: FastifyRequest): boolean;
  read(request: FastifyRequest): string | undefined;
  /** Keeps a session's refresh token. */
  keep(request: FastifyRequest, reply: FastifyReply, session: Session): void;
  /** Forgets it, if this client keeps one. */
  forget(request: FastifyRequest, reply: FastifyReply): void;
}

export function sessionCookie(publicUrl: string): SessionCookie {
  function wanted(request: FastifyRequest): boolean {
    if (request.headers["douya-session"] !== "cookie") return false;
    const from = request.headers["sec-fetch-site"];
    if (from !== undefined && from !== "same-origin") throw refusal("CROSS_SITE");
    return true;
  }
  const set = (request: FastifyRequest, reply: FastifyReply, value: string, lastsS: number) =>
    reply.header("set-cookie", cookieOf({ name, value, path, lastsS, secure: isSecure(request, publicUrl) }));
  return {
    wanted,
    read: (request) => readCookie(request, name),
    keep: (request, reply, { refreshToken, sessionExpiresAtMs }) =>
      set(request, reply, refreshToken, Math.max(0, Math.floor((sessionExpiresAtMs - Date.now()) / 1000))),
    forget: (request, reply) => void (wanted(request) && set(request, reply, "", 0)),
  };
}

/** A cookie that no script sees and no other site causes to be sent. */
export function cookieOf(cookie: {
  name: string;
  value: string;
  path: string;
  lastsS: number;
  secure: boolean;
}): string {
  const { name, value, path, lastsS, secure } = cookie;
  return `${name}=${value}; Path=${path}; Max-Age=${lastsS}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
}

export function readCookie({ headers }: FastifyRequest, name: string): string | undefined {
  const all = (headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return all.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) || undefined;
}

/** By what the browser asked for: on http it would not keep one that is marked as secure. */
export function isSecure(request: FastifyRequest, publicUrl: string): boolean {
  return request.protocol === "https" || (publicUrl !== "" && publicUrl === `https://${request.host}`);
}
