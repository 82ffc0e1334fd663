import createClient, { type Client } from "openapi-fetch";
import type { paths } from "../api.gen.ts";
import { asProblem, Problem, problemFrom, problemOf } from "./problem.ts";
import type { SessionStore } from "./session.ts";
import type { Session } from "./types.ts";

export type Api = Client<paths>;

const TIMEOUT_MS = 20_000;
const SILENT_MS = 5000;

/** Has the server keep the session's refresh token in a cookie, where no script can read it. */
function withCookie(request: Request) {
  if (navigator.cookieEnabled) request.headers.set("douya-session", "cookie");
  return request;
}

function withToken(request: Request, token: string | null) {
  if (token) request.headers.set("authorization", `Bearer ${token}`);
  return request.method === "GET" ? request : withCookie(request);
}

async function send(request: Request): Promise<Response> {
  // Files come from where the page came from, whatever else the server is called: the page may load no others.
  request.headers.set("douya-urls", "paths");
  try {
    return await fetch(request, {
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    // An abort by the caller is theirs to see; everything else is "the network".
    if (request.signal.aborted) throw error;
    throw asProblem(error);
  }
}

/** Whether a new token may help: a login that is refused says 401 as well. */
async function isTokenRefused(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  return (await problemOf(response.clone())).reason !== "BAD_CREDENTIALS";
}

/** Sends as the person logged in, and once more with a new token when the first was refused. */
export function createSender(session: SessionStore) {
  return async (request: Request): Promise<Response> => {
    const token = await session.accessToken();
    if (!token) return send(withToken(request, null));
    const again = request.clone();
    const response = await send(withToken(request, token));
    if (!(await isTokenRefused(response))) return response;
    // Without a session any more it goes as a guest: the public feed is still there.
    return send(withToken(again, await session.renew(token)));
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

/** The one request made without a session: it is what gives one. It goes on when the page is left half-way. */
export async function refreshSession(refreshToken: string | undefined): Promise<Session> {
  const request = new Request("/api/v1/sessions/refresh", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refreshToken }),
    keepalive: true,
  });
  const response = await send(withCookie(request));
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as Session;
}

/** Whether trying again may help: the network, a server that is starting or overloaded, or a limit on how often. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Problem)) return true;
  return error.status === 0 || error.status === 408 || error.status === 429 || error.status >= 500;
}

/** How long to wait before asking again: as long as usual, or longer when the server said so. */
export function againMs(error: unknown, usualMs: number): number {
  return Math.max(usualMs, (error instanceof Problem && error.retryAfterMs) || 0);
}

/** Whether it passes so soon that nobody needs to hear of it. */
export function isSoonOver(error: unknown): boolean {
  return isTransient(error) && againMs(error, 0) <= SILENT_MS;
}
