import type { IncomingMessage, ServerResponse } from "node:http";
import { refusal } from "../errors/reasons.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The body is a file or a form with one: it may take long as long as it keeps coming. */
    takesFile?: boolean;
  }
}

const bodyMs = 30_000;
const fileWindowMs = 60_000;
/** 1 KB a second, a twentieth of a bad mobile connection. */
const minWindowBytes = 60 * 1024;

/** The time, on top of a megabit a second, in which the announced size must arrive. */
const fileMs = 10 * 60_000;
const fileBytesPerMs = 128;
const fileGraceMs = 60_000;

/** How many bytes of a file of this size must have arrived by then; without a size, a file is endless. */
export function dueBytes(sizeBytes: number | undefined, elapsedMs: number): number {
  const rate = sizeBytes === undefined ? fileBytesPerMs : sizeBytes / (fileMs + sizeBytes / fileBytesPerMs);
  return rate * Math.max(0, elapsedMs - fileGraceMs);
}

/**
 * Ends a body that does not arrive within 30 s, and a file slower than 60 KB a minute or slower than its announced
 * size requires: announced bytes reserve room that others could use. The reader gets BODY_TOO_SLOW as the error of
 * the request's stream; the connection stays open for the answer.
 */
export function watchPace(request: IncomingMessage, response: ServerResponse, takesFile: boolean): void {
  const { headers, socket } = request;
  if (headers["transfer-encoding"] === undefined && !Number(headers["content-length"])) return;
  const length = headers["content-length"];
  const sizeBytes = length === undefined ? undefined : Number(length);
  const firstByte = socket.bytesRead;
  let seenBytes = firstByte;
  let elapsedMs = 0;
  const check = () => {
    const cameBytes = socket.bytesRead - seenBytes;
    seenBytes += cameBytes;
    elapsedMs += fileWindowMs;
    const inTime = cameBytes >= minWindowBytes && seenBytes - firstByte >= dueBytes(sizeBytes, elapsedMs);
    if (takesFile && inTime && !request.complete) return;
    // Bytes after the answer are thrown away, with a limit of their own.
    if (request.complete || response.headersSent) return clearInterval(timer);
    // Whoever is about to begin to read does not hear it, so it is told again until there is an answer.
    if (request.listenerCount("error") > 0) request.emit("error", refusal("BODY_TOO_SLOW"));
    else socket.destroy();
  };
  const timer = setInterval(check, takesFile ? fileWindowMs : bodyMs).unref();
  response.once("close", () => clearInterval(timer));
}
