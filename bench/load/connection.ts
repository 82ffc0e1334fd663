import { connect, type Socket } from "node:net";

/**
 * One keep-alive HTTP/1.1 connection that sends prepared requests and reads answers with a Content-Length. It
 * supports nothing else, so that on a machine with few cores the generator takes little of what it measures.
 */
export interface Connection {
  /** Sends one request; `done` gets what the answer was. One at a time. */
  send(request: Buffer, done: (outcome: Outcome) => void): void;
  close(): void;
}

/** Shed: the server has too much to do, and says when to come back. */
export type Outcome = "success" | "shed" | "failure";

const endOfHead = Buffer.from("\r\n\r\n");
/** The first bytes of a classic answer, which refuses with HTTP 200 too, and those of a success. */
const classic = Buffer.from('{"status_code":');
const success = Buffer.from('{"status_code":0');

export function openConnection(port: number, onError: (error: Error) => void): Promise<Connection> {
  let done: ((outcome: Outcome) => void) | undefined;
  let early = Buffer.alloc(0);
  let bodyLeft = -1;
  let outcome: Outcome = "failure";
  let closed = false;

  function read(bytes: number, buffer: Uint8Array): boolean {
    let chunk = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
    if (bodyLeft < 0) {
      if (early.length > 0) chunk = Buffer.concat([early, chunk]);
      const headEnd = chunk.indexOf(endOfHead);
      const bodyStart = headEnd + endOfHead.length;
      // A split head is rare; the first word of the body is not read before it is complete.
      if (headEnd < 0 || chunk.length < bodyStart + success.length) {
        early = Buffer.from(chunk);
        return true;
      }
      early = Buffer.alloc(0);
      const head = chunk.toString("latin1", 0, headEnd);
      const length = /\r\ncontent-length: (\d+)/i.exec(head);
      if (!length) throw new Error(`An answer without a length: ${head}`);
      const begin = chunk.subarray(bodyStart, bodyStart + success.length);
      const refused = begin.subarray(0, classic.length).equals(classic) && !begin.equals(success);
      if (/^HTTP\/1.1 20[026]/.test(head) && !refused) outcome = "success";
      else outcome = /^HTTP\/1.1 503 .*\r\nretry-after: \d/is.test(head) ? "shed" : "failure";
      bodyLeft = Number(length[1]) - (chunk.length - bodyStart);
    } else bodyLeft -= chunk.length;
    if (bodyLeft === 0) {
      bodyLeft = -1;
      const finished = done!;
      done = undefined;
      finished(outcome);
    }
    return true;
  }

  return new Promise((resolve) => {
    const socket: Socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: { buffer: Buffer.allocUnsafe(64 * 1024), callback: read },
    });
    socket.on("error", (error) => closed || onError(error));
    socket.on("close", () => closed || onError(new Error("the server closed a connection")));
    socket.on("connect", () =>
      resolve({
        send(request, finished) {
          done = finished;
          socket.write(request);
        },
        close() {
          closed = true;
          socket.destroy();
        },
      }),
    );
  });
}
