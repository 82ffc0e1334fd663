import { type Api, isTransient, take } from "../api/client.ts";
import { asProblem, Problem, problemOf } from "../api/problem.ts";
import type { BrowserStorage } from "../shell/browser-storage.ts";
import {
  LAST_SILENCE_MS,
  MAX_REFUSALS,
  MENDED,
  RETRY_DELAYS_MS,
  type SendOptions,
  SILENCE_MS,
} from "./send-file.ts";

interface Options extends SendOptions {
  api: Api;
  storage: BrowserStorage;
}
interface Part {
  number: number;
  url: string;
  sent: boolean;
}

const PARTS_AT_ONCE = 3;
/** An S3 that took no byte for so long is out of reach. */
const REACH_MS = 8_000;
/** How often nothing arrives while the server answers, in an S3 that was reached before, and in another one. */
const MAX_FRUITLESS = 8;
const MAX_UNREACHED = 1;

/** Out of reach of this browser, until the page is loaded again. */
let outOfReach = false;

/**
 * Puts a file, in parts, straight into the S3 of the server. It goes on after the line was cut, or, when the same file is
 * chosen again, after the page was left. Resolves with the id of the upload; null if the server has no S3 or this browser
 * does not reach it, so that the file has to be sent to the server itself. Throws a Problem.
 */
export async function sendToS3(file: File, options: Options): Promise<string | null> {
  const { api, session, storage, signal } = options;
  if (outOfReach || !(await isOffered(api))) return null;
  // Another person's upload of the same file is not ours to go on with.
  const key = ["douya-direct", session.user()?.id, file.name, file.size, file.lastModified].join("-");
  let id = storage.getItem(key);
  const keep = (now: string | null) => {
    id = now;
    if (now) storage.setItem(key, now);
    else storage.removeItem(key);
  };
  /** The server throws away what it has; if it is not told, it does so after a day. */
  const discard = async () => {
    if (id) await api.DELETE("/api/v1/uploads/direct/{id}", { params: { path: { id } } }).catch(() => {});
    keep(null);
  };
  try {
    const sent = await send(file, options, { id: () => id, keep });
    if (sent) storage.removeItem(key);
    // The other way needs its room.
    else await discard();
    return sent;
  } catch (error) {
    // What was refused for good is gone there.
    if (signal.aborted) void discard();
    throw error;
  }
}

async function isOffered(api: Api): Promise<boolean> {
  try {
    return (await take(api.GET("/api/v1/me/storage"))).directUploads;
  } catch {
    return false;
  }
}

async function send(
  file: File,
  options: Options,
  upload: { id(): string | null; keep(id: string | null): void },
): Promise<string | null> {
  const { api, session, signal, onWaiting } = options;
  const onProgress = progressOf(options);
  /** Whether it ever took a byte. */
  const s3 = { isReached: false };
  let isWhole = false;
  let fruitless = 0;
  let refusals = 0;
  let tries = 0;

  for (;;) {
    signal.throwIfAborted();
    try {
      const id = upload.id();
      // Not ended with the signal: it would be begun there, and we would not know its id.
      const begun = id
        ? await take(api.GET("/api/v1/uploads/direct/{id}", { params: { path: { id } } }))
        : await take(
            api.POST("/api/v1/uploads/direct", {
              body: { sizeBytes: file.size, contentType: "application/octet-stream" },
            }),
          );
      upload.keep(begun.id);
      signal.throwIfAborted();
      s3.isReached ||= begun.parts.some(({ sent }) => sent);
      const arrived = await putParts(file, begun, { signal, onProgress, s3 });
      if (begun.parts.every(({ sent }) => sent)) {
        isWhole = true;
        await complete(begun.id, { session, signal });
        return begun.id;
      }
      if (arrived) fruitless = refusals = tries = 0;
      else if (++fruitless > (s3.isReached ? MAX_FRUITLESS : MAX_UNREACHED)) {
        outOfReach = !s3.isReached;
        return null;
      }
      onWaiting(s3.isReached);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const problem = asProblem(error);
      const { status, reason } = problem;
      if (reason === "DIRECT_UPLOADS_UNAVAILABLE") return null;
      if (status === 404 && !isWhole) upload.keep(null);
      else if (status === 0) onWaiting(!isWhole);
      else if (reason === "UPLOAD_PARTS_WRONG") isWhole = false;
      else if (isTransient(problem)) {
        // What has arrived is there when the person tries again.
        if (++refusals > MAX_REFUSALS) throw problem;
      } else if (!MENDED.has(status) || reason === "LOGIN_REQUIRED") {
        upload.keep(null);
        throw problem;
      }
      if (tries >= RETRY_DELAYS_MS.length) throw problem;
    }
    await pause(RETRY_DELAYS_MS[tries++]!, signal);
  }
}

/** Sends what has not arrived, some at once; each part that arrives is marked. Whether any did. */
async function putParts(
  file: File,
  { parts, partBytes }: { parts: Part[]; partBytes: number },
  {
    signal,
    onProgress,
    s3,
  }: { signal: AbortSignal; onProgress: (sentBytes: number) => void; s3: { isReached: boolean } },
): Promise<boolean> {
  const line = new AbortController();
  const ended = AbortSignal.any([signal, line.signal]);
  // What was on its way when the line came back is on a connection that is dead.
  const end = () => line.abort();
  addEventListener("online", end);
  const bytesOf = ({ number }: Part) => file.slice((number - 1) * partBytes, number * partBytes);
  const came = parts.map((part) => (part.sent ? bytesOf(part).size : 0));
  if (parts.length === 0) came.push(file.size);
  const tell = () => onProgress(came.reduce((sum, bytes) => sum + bytes, 0));
  const left = parts.filter(({ sent }) => !sent);
  let arrived = false;
  async function sendSome() {
    for (let part = left.shift(); part && !ended.aborted; part = left.shift()) {
      const { number, url } = part;
      const bytes = bytesOf(part);
      part.sent = await put(url, bytes, {
        signal: ended,
        silenceMs: s3.isReached ? SILENCE_MS : REACH_MS,
        onProgress(sentBytes) {
          s3.isReached ||= sentBytes > 0;
          came[number - 1] = sentBytes;
          tell();
        },
      });
      came[number - 1] = part.sent ? bytes.size : 0;
      // The others go on: what they have sent is not lost.
      if (!part.sent) return;
      arrived = true;
      tell();
    }
  }
  try {
    tell();
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sendSome));
  } finally {
    removeEventListener("online", end);
  }
  return arrived;
}

/** Whether it arrived. By XMLHttpRequest, since `fetch` tells nothing of what it has sent. */
function put(
  url: string,
  bytes: Blob,
  {
    signal,
    silenceMs,
    onProgress,
  }: { signal: AbortSignal; silenceMs: number; onProgress: (sentBytes: number) => void },
): Promise<boolean> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let alarm = setTimeout(abort, silenceMs);
    request.open("PUT", url);
    request.upload.onprogress = ({ loaded }) => {
      clearTimeout(alarm);
      alarm = setTimeout(abort, SILENCE_MS);
      onProgress(loaded);
    };
    request.onloadend = () => {
      clearTimeout(alarm);
      signal.removeEventListener("abort", abort);
      resolve(request.status === 200);
    };
    signal.addEventListener("abort", abort);
    request.send(bytes);
  });
}

/** The server looks at the whole file, which takes longer than other requests may. */
async function complete(id: string, { session, signal }: Pick<Options, "session" | "signal">): Promise<void> {
  const ask = async (token: string | null) => {
    if (!token) throw new Problem(401, { reason: "LOGIN_REQUIRED" });
    return fetch(`/api/v1/uploads/direct/${id}/complete`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: "{}",
      signal: AbortSignal.any([signal, AbortSignal.timeout(LAST_SILENCE_MS)]),
    });
  };
  const token = await session.accessToken();
  let answer = await ask(token);
  if (answer.status === 401) answer = await ask(await session.renew(token));
  if (!answer.ok) throw await problemOf(answer);
}

/** Ends early when the line comes back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}

/** It never goes back, though a part that was cut is sent again; and when something arrives, nothing waits. */
function progressOf({ onProgress, onWaiting }: SendOptions): (sentBytes: number) => void {
  let most = 0;
  return (sentBytes) => {
    if (sentBytes <= most) return;
    most = sentBytes;
    onWaiting(false);
    onProgress(sentBytes);
  };
}
