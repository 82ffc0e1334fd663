import createClient, { type Client } from "openapi-fetch";
import type { paths } from "../api.gen.ts";
import { asProblem, Problem, problemFrom, problemOf } from "./problem.ts";
import type { RetryHints } from "./retry-hints.ts";
import type { SessionStore } from "./session.ts";
import type { Session } from "./types.ts";

export type Api = Client<paths>;

const TIMEOUT_MS = 20_000;
/** Of a request that sends a file, as long as the server takes it. */
const FILE_TIMEOUT_MS = 10 * 60_000;
const AGAIN_MS = 5000;
const MAX_DOUBLINGS = 3;
/** How much later than told, and than each other, those who retry by themselves do it. */
const SPREAD = 0.5;
const MAX_SPREAD_MS = 15_000;

/** Makes the server keep the session's refresh token in a cookie that no script can read. */
function withCookie(request: Request) {
  if (navigator.cookieEnabled) request.headers.set("douya-session", "cookie");
  return request;
}

function withToken(request: Request, token: string | null) {
  if (token) request.headers.set("authorization", `Bearer ${token}`);
  return request.method === "GET" ? request : withCookie(request);
}

function sendsFile({ headers }: Request): boolean {
  const type = headers.get("content-type");
  return type !== null && !type.startsWith("application/json");
}

async function send(request: Request, hints: RetryHints): Promise<Response> {
  hints.check(request);
  // Files are loaded from the page's own origin, whatever else the server is called: the page may load no others.
  request.headers.set("douya-urls", "paths");
  // RFC 7240: who says how long the server may wait, waits as long.
  const [, waitSeconds = 0] = /^wait=(\d+)$/.exec(request.headers.get("prefer") ?? "") ?? [];
  const limitMs = sendsFile(request) ? FILE_TIMEOUT_MS : TIMEOUT_MS + 1_000 * Number(waitSeconds);
  try {
    const response = await fetch(request, {
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(limitMs)]),
    });
    await hints.note(request, response);
    return response;
  } catch (error) {
    // An abort by the caller is passed on; everything else counts as a network error.
    if (request.signal.aborted) throw error;
    throw asProblem(error);
  }
}

/** Whether a new token may help: a refused login answers 401 too. */
async function isTokenRefused(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  return (await problemOf(response.clone())).reason !== "BAD_CREDENTIALS";
}

/** Sends with the session's token, and once more with a new token if the first was refused. */
export function createSender(session: SessionStore, hints: RetryHints) {
  return async (request: Request): Promise<Response> => {
    const who = session.user()?.id;
    const token = await session.accessToken();
    if (!token) return send(withToken(request, null), hints);
    const again = request.clone();
    const response = await send(withToken(request, token), hints);
    if (!(await isTokenRefused(response))) return response;
    const renewed = await session.renew(token);
    // What one person did is not done as another, who has logged in from another tab.
    const now = session.user()?.id;
    if (now !== undefined && now !== who) return response;
    // Without a session it is sent as a guest: the public feed still works.
    return send(withToken(again, renewed), hints);
  };
}

export function createApi(sender: (request: Request) => Promise<Response>): Api {
  return createClient<paths>({ baseUrl: location.origin, fetch: sender });
}

/** The body of a successful answer; throws a Problem otherwise. */
export async function take<Body>(
  call: Promise<{ data?: Body; error?: unknown; response: Response }>,
): Promise<Body> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemFrom(response.status, error, response.headers.get("retry-after"));
  return data as Body;
}

/** The one request without a session, since it creates one. It continues when the page is left. */
export async function refreshSession(refreshToken: string | undefined, hints: RetryHints): Promise<Session> {
  const request = new Request("/api/v1/sessions/refresh", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refreshToken }),
    keepalive: true,
  });
  const response = await send(withCookie(request), hints);
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as Session;
}

/** Whether a retry may help: after a network error, at a starting or overloaded server, or at a rate limit. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Problem)) return true;
  return error.status === 0 || error.status === 408 || error.status === 429 || error.status >= 500;
}

/**
 * How long to wait before a retry: as usual, or longer if the server said so. Later by a part that differs from failure
 * to failure, so that not everybody comes back in the moment in which a server does.
 */
export function againMs(error: unknown, usualMs: number): number {
  const ms = Math.max(usualMs, (error instanceof Problem && error.retryAfterMs) || 0);
  const spread = error instanceof Problem ? error.spread : 0;
  return ms + Math.min(ms * SPREAD, MAX_SPREAD_MS) * spread;
}

/** How long to wait after so many failures of the same thing: at first as the server says, then longer and longer. */
export function afterFailures(error: unknown, failures: number): number {
  const saidFirst = failures === 1 && error instanceof Problem && error.retryAfterMs;
  return againMs(error, saidFirst || AGAIN_MS * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
}

/** Whether to retry without telling. A server that says when to come back has enough to do, and the person is told. */
export function isSoonOver(error: unknown): boolean {
  return isTransient(error) && !(error instanceof Problem && error.retryAfterMs);
}
