import type { FastifyReply, FastifyRequest } from "fastify";
import type { Session } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";

const name = "douya-session";
/** Only these paths get the cookie. */
const path = "/api/v1/sessions";

/**
 * The refresh token of our own client, in a cookie that no script can read. Other clients store it themselves and get
 * no cookie.
 */
export interface SessionCookie {
  /**
   * Whether the client keeps its session in the cookie: it sends `douya-session: cookie`. A page of another site
   * cannot send that header without a preflight (CORS), and browsers name the origin of a request. Error: CROSS_SITE.
   */
  wanted(request: FastifyRequest): boolean;
  read(request: FastifyRequest): string | undefined;
  /** Stores a session's refresh token. */
  keep(request: FastifyRequest, reply: FastifyReply, session: Session): void;
  /** Removes it, if this client has one. */
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

/** A cookie that no script can read and no other site can cause to be sent. */
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

/** Depends on the protocol that the browser used: over http it would drop a cookie that is marked as secure. */
export function isSecure(request: FastifyRequest, publicUrl: string): boolean {
  return request.protocol === "https" || (publicUrl !== "" && publicUrl === `https://${request.host}`);
}
