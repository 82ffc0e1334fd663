import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a server that is cut in the middle of what is sent, and takes no connection until it is mended. */
export interface Line {
  origin: string;
  /** Cuts it when so many more bytes have gone to the server; once. */
  cutAfter(bytes: number): void;
  mend(): void;
  /** What has gone to the server. */
  sentBytes(): number;
  close(): void;
}

export async function lineTo(origin: string): Promise<Line> {
  const { hostname: host, port } = new URL(origin);
  const sockets = new Set<Socket>();
  let down = false;
  let sent = 0;
  let cutAt = Number.POSITIVE_INFINITY;
  const way = createServer((client) => {
    if (down) return void client.destroy();
    const onward = connect({ host, port: Number(port) });
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        for (const one of [client, onward]) one.destroy();
        sockets.delete(socket);
      });
    }
    client.pipe(onward).pipe(client);
    client.on("data", (bytes) => {
      sent += bytes.length;
      if (sent < cutAt) return;
      cutAt = Number.POSITIVE_INFINITY;
      down = true;
      for (const socket of sockets) socket.destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(way, "listening");
  return {
    origin: `http://127.0.0.1:${(way.address() as AddressInfo).port}`,
    cutAfter(bytes) {
      cutAt = sent + bytes;
    },
    mend() {
      down = false;
    },
    sentBytes: () => sent,
    close() {
      for (const socket of sockets) socket.destroy();
      way.close();
    },
  };
}
