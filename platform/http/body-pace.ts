import type { IncomingMessage, ServerResponse } from "node:http";
import { refusal } from "../errors/reasons.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The body is a file, or a form with one: it may take as long as it keeps coming. */
    takesFile?: boolean;
  }
}

const bodyMs = 30_000;
const fileWindowMs = 60_000;
/** 1 KB a second, a twentieth of what a bad mobile connection carries. */
const minWindowBytes = 60 * 1024;

/** In so long and a megabit a second, which is what a file's sender gets to send all that was announced. */
const fileMs = 10 * 60_000;
const fileBytesPerMs = 128;
const fileGraceMs = 60_000;

/** How much of a file of so many bytes must have come by then; without a size, of one without an end. */
export function dueBytes(sizeBytes: number | undefined, elapsedMs: number): number {
  const rate = sizeBytes === undefined ? fileBytesPerMs : sizeBytes / (fileMs + sizeBytes / fileBytesPerMs);
  return rate * Math.max(0, elapsedMs - fileGraceMs);
}

/**
 * Ends a body that does not come within 30 s, a file of which less than 60 KB come within a minute, or less than its
 * size calls for: who announces much holds room that others could use. Whoever reads the body
 * gets BODY_TOO_SLOW as the error of the request's stream, whose connection stays open for the answer.
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
    clearInterval(timer);
    // What comes after the answer is thrown away, and has a limit of its own.
    if (request.complete || response.headersSent) return;
    if (request.listenerCount("error") > 0) request.emit("error", refusal("BODY_TOO_SLOW"));
    else socket.destroy();
  };
  const timer = setInterval(check, takesFile ? fileWindowMs : bodyMs).unref();
  response.once("close", () => clearInterval(timer));
}
