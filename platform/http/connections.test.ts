import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { parseTrustProxy, trustNobody } from "./client-address.ts";
import { maxConnectionsPerAddress, shareConnections } from "./connections.ts";

/** A server to which connections come without a network. */
function house(trust = trustNobody) {
  const server = createServer();
  // What the server does with a connection itself is none of this test's business.
  server.removeAllListeners("connection");
  shareConnections(server, trust);
  return (remoteAddress: string) => {
    const events = new EventEmitter();
    const socket = Object.assign(events, {
      remoteAddress,
      open: true,
      destroy() {
        if (socket.open) events.emit("close");
        socket.open = false;
      },
    });
    server.emit("connection", socket);
    return socket;
  };
}
const many = Array.from({ length: maxConnectionsPerAddress + 50 });

test("an address has its share, gets back what it closes, and takes nothing from others", () => {
  const come = house();
  const sockets = many.map(() => come("203.0.113.9"));
  expect(sockets.filter(({ open }) => open)).toHaveLength(maxConnectionsPerAddress);
  expect(come("::ffff:203.0.113.9").open).toBe(false);
  expect(come("203.0.113.10").open).toBe(true);
  sockets[0]!.destroy();
  expect(come("203.0.113.9").open).toBe(true);
  expect(come("203.0.113.9").open).toBe(false);
});

test("all of a /64 is one address", () => {
  const come = house();
  const sockets = many.map((_, i) => come(`2001:db8:1:2:${i.toString(16)}::1`));
  expect(sockets.filter(({ open }) => open)).toHaveLength(maxConnectionsPerAddress);
  expect(come("2001:db8:1:3::1").open).toBe(true);
});

test("a trusted proxy brings as many as it likes", () => {
  const come = house(parseTrustProxy("10.0.0.0/8"));
  expect(many.map(() => come("10.1.2.3")).every(({ open }) => open)).toBe(true);
  expect(many.map(() => come("203.0.113.9")).every(({ open }) => open)).toBe(false);
});
