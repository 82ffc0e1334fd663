import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

/** Headers of the connection, which begins anew. */
const own = new Set(["connection", "upgrade", "http2-settings", "keep-alive"]);

/**
 * Calls `come` with each connection that becomes a WebSocket, before anybody else; where it returns false, the connection
 * is closed. A request to become something else (`h2c`, as some clients ask with every first request over plain http) is
 * answered as if it did not ask: Node.js would hand over its connection, and nobody would answer. `leave` is told that
 * such a connection begins anew.
 */
export function onUpgrade(
  server: Server,
  come: (socket: Socket) => boolean,
  leave: (socket: Socket) => void,
): void {
  const emit = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean;
  server.emit = (event: string, ...args: unknown[]) => {
    if (event !== "upgrade") return emit(event, ...args);
    const [request, socket, head] = args as [IncomingMessage, Socket, Buffer];
    if (request.headers.upgrade?.toLowerCase() === "websocket" && request.method === "GET") {
      if (come(socket)) return emit(event, ...args);
      socket.destroy();
      return true;
    }
    leave(socket);
    socket.unshift(Buffer.concat([withoutUpgrade(request), head]));
    return emit("connection", socket);
  };
}

/** The head of the request as it came. The connection ends after the answer, so that it does not begin anew again and again. */
function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (!own.has(rawHeaders[i]!.toLowerCase())) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return Buffer.from(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`, "latin1");
}

/**
 * After the answer to a request that was to become a WebSocket and did not: Node.js has handed its connection over, and
 * nobody else closes it.
 */
export function closeRefusedUpgrade(request: IncomingMessage): void {
  if ("upgrade" in request && request.upgrade) request.socket.destroy();
}
