import type { Server } from "node:http";
import type { Socket } from "node:net";
import { addressKey, canonicalAddress, type TrustProxy } from "./client-address.ts";

/** Some 200 MB when all are idle, and within the open files that common systems allow; more are turned away. */
export const maxConnections = 10_000;
/** A school or an office behind one address has room in it, and ten such shares are needed to fill the house. */
export const maxConnectionsPerAddress = 1_000;
/** How long the head of a request may take, from when the connection was opened or the last answer read. */
export const headMs = 10_000;
export const headCheckMs = 2_000;

/** Turns away connections beyond the share of their address; a trusted proxy has no share, since it brings many people. */
export function shareConnections(server: Server, trust: TrustProxy): void {
  const open = new Map<string, number>();
  server.maxConnections = maxConnections;
  server.on("connection", (socket: Socket) => {
    const address = canonicalAddress(socket.remoteAddress ?? "");
    if (address === undefined || trust(address, 0)) return;
    const key = addressKey(address);
    const count = open.get(key) ?? 0;
    if (count >= maxConnectionsPerAddress) return void socket.destroy();
    open.set(key, count + 1);
    socket.once("close", () => {
      const left = open.get(key)! - 1;
      if (left > 0) open.set(key, left);
      else open.delete(key);
    });
  });
}
