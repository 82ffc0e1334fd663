import type { IncomingMessage, ServerResponse } from "node:http";

/** How long the rest of a refused body is read and thrown away. */
export const drainMs = 15_000;

/**
 * Answers a client that is still sending. Closing the connection would lose the answer, so the rest of the body is
 * read and thrown away first, for a limited time.
 */
export function answerBeforeEnd(request: IncomingMessage, response: ServerResponse): void {
  const closeAsked = !response.shouldKeepAlive;
  response.shouldKeepAlive = true;
  // The request's own listener is gone once an error has ended its stream.
  const { socket } = response;
  if (!socket) return;
  response.once("finish", () => {
    const timer = setTimeout(() => {
      if (!request.complete) socket.destroy();
    }, drainMs).unref();
    const done = () => {
      clearTimeout(timer);
      socket.off("close", done);
      if (closeAsked) socket.end();
    };
    if (request.complete) return done();
    request.once("end", done);
    // An answered request is no longer told that its connection ended.
    socket.once("close", done);
    request.unpipe();
    request.resume();
  });
}
