import type { IncomingMessage, ServerResponse } from "node:http";

/** How long the rest of what was refused is read and thrown away. */
export const drainMs = 15_000;

/**
 * Answers whoever is still sending: closing the connection on them would take the answer away as well, so the
 * rest of the body is read and thrown away first, though not for ever.
 */
export function answerBeforeEnd(request: IncomingMessage, response: ServerResponse): void {
  const closeAsked = !response.shouldKeepAlive;
  response.shouldKeepAlive = true;
  // The request's own is gone when an error has ended its stream.
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
    // Once answered, a request no longer hears of its connection's end.
    socket.once("close", done);
    request.unpipe();
    request.resume();
  });
}
