import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to the database that can go silent, like a firewall that drops packets: nothing arrives, and nothing is closed. */
export interface SilentProxy {
  /** The database by this way. */
  url: string;
  goSilent(): void;
  close(): void;
}

export async function silentProxy(databaseUrl: string): Promise<SilentProxy> {
  const url = new URL(databaseUrl.replace("@/", "@localhost/"));
  const socketPath = `${url.searchParams.get("host")}/.s.PGSQL.${url.searchParams.get("port") ?? "5432"}`;
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer((client) => {
    const onward = connect(socketPath);
    for (const [from, to] of [
      [client, onward],
      [onward, client],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => silent || to.write(bytes));
      from.on("close", () => silent || to.destroy());
      from.on("error", () => {});
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  url.search = "";
  return {
    url: url.href,
    goSilent() {
      silent = true;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
