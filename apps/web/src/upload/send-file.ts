import type { DetailedError, HttpRequest } from "tus-js-client";
import { isTransient } from "../api/client.ts";
import { Problem, problemFrom } from "../api/problem.ts";
import type { SessionStore } from "../api/session.ts";

export interface SendOptions {
  session: Pick<SessionStore, "accessToken" | "renew" | "user">;
  onProgress: (sentBytes: number) => void;
  /** The line is down, or up again. */
  onWaiting: (waiting: boolean) => void;
  signal: AbortSignal;
}

/** Without progress for this long, the connection is dead. */
export const SILENCE_MS = 60_000;
/** The server looks at the whole file after its last byte, or when it is asked how far it is. */
export const LAST_SILENCE_MS = 120_000;
const LONGEST_WAIT_MS = 15_000;
/** About an hour of waiting for the line, counted from the last byte that arrived. */
export const RETRY_DELAYS_MS = Array.from({ length: 240 }, (_, i) => Math.min(LONGEST_WAIT_MS, 500 * 2 ** i));
/** An expired token, an offset that has moved, another connection that still sends: mended by asking again. */
export const MENDED = new Set([401, 409, 423]);
/** A server that is full for longer is the person's to decide about. */
export const MAX_REFUSALS = 3;
/** The upload is not there any more, so it begins again. */
const GONE = new Set([404, 410]);

/**
 * Sends a file in a way that goes on after the line was cut, or, when the same file is chosen again, after the page was
 * left (tus 1.0). Resolves with the id of the upload. Throws a Problem.
 */
export async function sendFile(
  file: File,
  { session, onProgress, onWaiting, signal }: SendOptions,
): Promise<string> {
  const { Upload } = await import("tus-js-client");
  const person = session.user()?.id ?? "";
  let rejected: string | null = null;
  let refusals = 0;
  let alarm: ReturnType<typeof setTimeout> | undefined;
  /** Counts up when the line is given up: what an earlier attempt was about to send stays unsent. */
  let attempt = 0;
  return new Promise<string>((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint: "/api/v1/uploads/tus",
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: true,
      // Another person's upload of the same file is not ours to go on with.
      fingerprint: async ({ name, size, lastModified }: File) =>
        ["douya-upload", person, name, size, lastModified].join("-"),
      async onBeforeRequest(request) {
        const ours = attempt;
        const token = rejected ? await session.renew(rejected) : await session.accessToken();
        rejected = null;
        const isOver = signal.aborted && request.getMethod() !== "DELETE";
        // An error would make the library try again, beside the attempt that has taken over.
        if (isOver || ours !== attempt) await new Promise(() => {});
        if (!token) throw new Problem(401, { reason: "LOGIN_REQUIRED" });
        request.setHeader("Authorization", `Bearer ${token}`);
      },
      onAfterResponse(request, response) {
        const status = response.getStatus();
        if (status === 401) rejected = tokenOf(request);
        // The library would begin again from the first byte, whatever the reason.
        if (request.getMethod() === "HEAD" && (status < 200 || status >= 300) && !GONE.has(status))
          throw problemFrom(status, response.getBody(), response.getHeader("Retry-After") ?? null);
      },
      onShouldRetry(error) {
        if (signal.aborted) return false;
        const problem = problemOf(error);
        const { status, reason } = problem;
        onWaiting(status === 0);
        if (status === 0 || (MENDED.has(status) && reason !== "LOGIN_REQUIRED")) return true;
        return isTransient(problem) && ++refusals <= MAX_REFUSALS;
      },
      onProgress(sentBytes) {
        onWaiting(false);
        refusals = 0;
        onProgress(sentBytes);
        watch(sentBytes < file.size ? SILENCE_MS : LAST_SILENCE_MS);
      },
      onSuccess() {
        end();
        resolve(upload.url!.split("/").at(-1)!);
      },
      onError(error) {
        end();
        reject(signal.aborted ? signal.reason : problemOf(error));
      },
    });
    const again = () => {
      const ours = ++attempt;
      watch(LAST_SILENCE_MS);
      void upload.abort().then(() => {
        if (ours === attempt && !signal.aborted) upload.start();
      });
    };
    function watch(silenceMs: number) {
      clearTimeout(alarm);
      alarm = setTimeout(again, silenceMs);
    }
    function end() {
      clearTimeout(alarm);
      removeEventListener("online", again);
      signal.removeEventListener("abort", cancel);
    }
    function cancel() {
      end();
      // The server is told to throw away what it has; if it is not, it does so after two days.
      void upload.abort(true).catch(() => {});
      reject(signal.reason);
    }
    if (signal.aborted) return reject(signal.reason);
    addEventListener("online", again);
    signal.addEventListener("abort", cancel, { once: true });
    watch(SILENCE_MS);
    void upload.findPreviousUploads().then(([previous]) => {
      if (signal.aborted) return;
      if (previous) upload.resumeFromPreviousUpload(previous);
      upload.start();
    }, reject);
  });
}

function tokenOf(request: HttpRequest): string | null {
  return request.getHeader("Authorization")?.replace("Bearer ", "") ?? null;
}

function problemOf(error: Error | DetailedError): Problem {
  if ("causingError" in error && error.causingError instanceof Problem) return error.causingError;
  const response = "originalResponse" in error ? error.originalResponse : null;
  if (!response) return new Problem(0);
  return problemFrom(response.getStatus(), response.getBody(), response.getHeader("Retry-After") ?? null);
}
