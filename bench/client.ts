import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** A person with an account and a classic token. */
export interface Caller {
  id: string;
  name: string;
  token: string;
}

export const password = "a password like any other";
const answerMs = 30_000;
const publishMs = 120_000;

/** Calls the classic API; throws its refusals. */
async function classic<T>(port: number, path: string, form?: Record<string, string>): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/douyin${path}`, {
    signal: AbortSignal.timeout(answerMs),
    ...(form && { method: "POST", body: new URLSearchParams(form) }),
  });
  const answer = (await response.json()) as T & { status_code: number; status_msg: string };
  if (answer.status_code !== 0) throw new Error(`${path}: ${answer.status_msg}`);
  return answer;
}

export async function register(port: number, name: string): Promise<Caller> {
  return enter(port, "/user/register/", name);
}

/** The same person with a token that no storm of logins has ended. */
export async function logIn(port: number, { name }: Pick<Caller, "name">): Promise<Caller> {
  return enter(port, "/user/login/", name);
}

async function enter(port: number, path: string, name: string): Promise<Caller> {
  // Its user_id is a bare number, whose last digits JavaScript would lose.
  const { token } = await classic<{ token: string }>(port, path, { username: name, password });
  const claims = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { sub: string };
  return { id: claims.sub, name, token };
}

/** A tiny clip that needs no conversion. */
export function clipOf(): Promise<Uint8Array<ArrayBuffer>> {
  return readFile("platform/media/testdata/compliant.mp4");
}

/** Tokens of an existing session. */
export async function refreshSession(port: number, refreshToken: string): Promise<Caller> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/sessions/refresh`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refreshToken }),
    signal: AbortSignal.timeout(answerMs),
  });
  if (!response.ok) throw new Error(`refresh: ${response.status} ${await response.text()}`);
  const { user, accessToken } = (await response.json()) as {
    user: { id: string; username: string };
    accessToken: string;
  };
  return { id: user.id, name: user.username, token: accessToken };
}

export async function follow(port: number, caller: Caller, userId: string): Promise<void> {
  await api(port, caller, "PUT", `/users/${userId}/follow`);
}

export async function followingFeed(port: number, caller: Caller): Promise<{ title: string }[]> {
  return ((await api(port, caller, "GET", "/feed/following")) as { items: { title: string }[] }).items;
}

/** Returns the id of the video, which is not published yet. */
export async function publishClip(
  port: number,
  author: Caller,
  clip: Uint8Array<ArrayBuffer>,
  title: string,
): Promise<string> {
  const sent = { type: "application/octet-stream", content: clip };
  const { id: uploadId } = (await api(port, author, "POST", "/uploads", sent)) as { id: string };
  const content = JSON.stringify({ uploadId, title });
  const body = { type: "application/json", content };
  return ((await api(port, author, "POST", "/videos", body)) as { id: string }).id;
}

/** One's own video, in whatever state it is, or anybody's that is published. */
export async function videoOf(port: number, author: Caller | null, id: string) {
  return (await api(port, author, "GET", `/videos/${id}`)) as {
    state: string;
    playUrl: string | null;
    hlsUrl: string | null;
  };
}

async function api(
  port: number,
  caller: Caller | null,
  method: string,
  path: string,
  body?: { type: string; content: string | Uint8Array<ArrayBuffer> },
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method,
    headers: {
      ...(caller && { authorization: `Bearer ${caller.token}` }),
      ...(body && { "content-type": body.type }),
    },
    ...(body && { body: body.content }),
    signal: AbortSignal.timeout(answerMs),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}

/** Waits until the public feed begins with these titles. */
export async function waitForFeed(port: number, isThere: (titles: string[]) => boolean): Promise<void> {
  const deadlineMs = Date.now() + publishMs;
  for (;;) {
    const { video_list } = await classic<{ video_list: { title: string }[] }>(port, "/feed/");
    const titles = video_list.map(({ title }) => title);
    if (isThere(titles)) return;
    if (Date.now() > deadlineMs)
      throw new Error(`not there after ${publishMs} ms; the feed has ${titles.join(", ")}`);
    await delay(100);
  }
}

/** A GET as sent on the wire. */
export function getRequest(path: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries({ host: "bench.test", connection: "keep-alive", ...headers });
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** A page of an API, as its clients request it. */
export interface AskedPage {
  path: string;
  headers: Record<string, string>;
}

export function classicFeed(caller?: Caller): AskedPage {
  return { path: `/douyin/feed/${caller ? `?token=${caller.token}` : ""}`, headers: {} };
}

/** As our own client requests it. */
export function apiFeed(caller?: Caller): AskedPage {
  return {
    path: "/api/v1/feed?limit=10",
    headers: { "douya-urls": "paths", ...(caller && { authorization: `Bearer ${caller.token}` }) },
  };
}

/** The first page of the following feed, as our own client requests it. */
export function followingPage(caller: Caller): AskedPage {
  return {
    path: "/api/v1/feed/following?limit=10",
    headers: { "douya-urls": "paths", authorization: `Bearer ${caller.token}` },
  };
}

/** The answer, for a ceiling that sends the same bytes. */
export async function answerTo(port: number, { path, headers }: AskedPage) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers,
    signal: AbortSignal.timeout(answerMs),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return { body: await response.text(), contentType: response.headers.get("content-type")! };
}

/** A form as sent on the wire. */
function formRequest(path: string, form: Record<string, string>): string {
  const body = new URLSearchParams(form).toString();
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: bench.test",
    "Connection: keep-alive",
    "Content-Type: application/x-www-form-urlencoded",
    `Content-Length: ${body.length}`,
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

/** A classic request that changes something, in parts: one request for each pair of person and thing. */
export function pairRequests(path: string, callers: Caller[], thing: string, ids: string[]) {
  return {
    who: callers.map(({ token }) => `POST ${path}?action_type=1&token=${token}`),
    between: `&${thing}=`,
    what: ids,
    after: afterPath,
  };
}

/** A POST without a body, as sent on the wire. */
export function emptyPost(path: string): string {
  return `POST ${path}${afterPath}`;
}

const afterPath = " HTTP/1.1\r\nHost: bench.test\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";

export function loginRequests(callers: Caller[]): string[] {
  return callers.map(({ name }) => formRequest("/douyin/user/login/", { username: name, password }));
}
