import { once } from "node:events";
import { connect } from "node:net";
import { within } from "./within.ts";

export interface RawAnswer {
  status: number;
  text: string;
  /** How much of the body had been handed to the connection when the answer began to arrive. */
  sentBytes: number;
}

export interface RawRequest {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  /** The body, as pieces that are sent as fast as the other side takes them. */
  pieces?: Iterable<Uint8Array>;
  /** Reads nothing before the last piece is sent, as simple clients do. */
  deaf?: boolean;
  /** Ends the connection after the last piece. */
  hangsUp?: boolean;
}

/** Sends raw bytes, for requests that well-behaved clients do not send. Rejects if no answer arrives. */
export async function rawRequest(origin: string, request: RawRequest): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  let sentBytes = 0;
  let sentBytesAtAnswer: number | undefined;
  socket.on("data", (chunk) => {
    sentBytesAtAnswer ??= sentBytes;
    chunks.push(chunk);
  });
  if (request.deaf) socket.pause();
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => {});

  async function pour(): Promise<void> {
    await once(socket, "connect");
    const headers = Object.entries({ host, connection: "close", ...request.headers });
    const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.write(`${request.method ?? "POST"} ${request.path} HTTP/1.1\r\n${head}\r\n`);
    for (const piece of request.pieces ?? []) {
      if (socket.destroyed) break;
      sentBytes += piece.length;
      if (!socket.write(piece)) await Promise.race([once(socket, "drain").catch(() => {}), closed]);
    }
    if (request.hangsUp) socket.destroySoon();
    socket.resume();
  }

  try {
    await within(Promise.all([pour(), closed]), () => `no whole answer to ${request.path}`);
  } finally {
    socket.destroy();
  }
  const text = Buffer.concat(chunks).toString();
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
  if (!status)
    throw new Error(`no answer to ${request.path} after ${sentBytes} bytes: ${text.slice(0, 200)}`);
  return { status, text: text.slice(text.indexOf("\r\n\r\n") + 4), sentBytes: sentBytesAtAnswer ?? 0 };
}

/** `first` and then zeros, `sizeBytes` in all. */
export function* zerosAfter(first: Uint8Array, sizeBytes: number): Iterable<Uint8Array> {
  yield first;
  const block = new Uint8Array(256 * 1024);
  for (let left = sizeBytes - first.length; left > 0; left -= block.length)
    yield left < block.length ? block.subarray(0, left) : block;
}
