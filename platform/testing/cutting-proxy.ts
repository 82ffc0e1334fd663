import { once } from "node:events";
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from "node:net";

/** Which way is cut: nothing is lost on it, as TCP sends again, but nothing arrives until it is mended. */
type Way = "both" | "requests" | "answers";

/** A way to a server that a test can cut, like a network. */
export interface CuttingProxy {
  port: number;
  cut(way: Way): void;
  mend(): void;
  close(): void;
}

/** `to` is asked for each new connection, which is refused where it does not know yet. */
export async function cuttingProxy(to: () => NetConnectOpts | undefined): Promise<CuttingProxy> {
  const flows = new Set<{ from: Socket; way: Way }>();
  /** Connections that have ended behind a cut, which the other end hears of later. */
  const ended = new Set<Socket>();
  let cutWay: Way | undefined;
  const isCut = (way: Way) => cutWay === "both" || cutWay === way;

  function flow(from: Socket, onward: Socket, way: Way): void {
    const one = { from, way };
    flows.add(one);
    from.on("data", (bytes) => onward.write(bytes));
    if (isCut(way)) from.pause();
    from.on("error", () => {});
    from.on("close", () => {
      flows.delete(one);
      if (isCut(way)) ended.add(onward);
      else onward.destroy();
    });
  }

  const server = createServer((client) => {
    const place = to();
    if (!place) return void client.destroy();
    const onward = connect(place);
    flow(client, onward, "requests");
    flow(onward, client, "answers");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut(way) {
      cutWay = way;
      for (const one of flows) if (isCut(one.way)) one.from.pause();
    },
    mend() {
      cutWay = undefined;
      for (const { from } of flows) from.resume();
      for (const socket of ended) socket.destroy();
      ended.clear();
    },
    close() {
      for (const { from } of flows) from.destroy();
      server.close();
    },
  };
}
