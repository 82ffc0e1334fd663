import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseTrustProxy, trustNobody } from "./client-address.ts";
import {
  keepUpgraded,
  maxConnections,
  maxConnectionsPerAddress,
  maxUpgraded,
  shareConnections,
  silentMs,
} from "./connections.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

/** A server to which connections come without a network. */
function house(trust = trustNobody) {
  const server = createServer();
  // The server's own handling of a connection is not tested here.
  server.removeAllListeners("connection");
  const overload = shareConnections(server, trust);
  return (remoteAddress: string) => {
    const events = new EventEmitter();
    const socket = Object.assign(events, {
      remoteAddress,
      open: true,
      destroy() {
        if (socket.open) queueMicrotask(() => events.emit("close"));
        socket.open = false;
      },
      upgrade() {
        server.emit("upgrade", { method: "GET", headers: { upgrade: "websocket" } }, socket);
        return socket;
      },
      sayWhoItIs() {
        keepUpgraded(socket as never);
        return socket;
      },
      /** Sends a request; returns why it is refused, and how it is answered in the end. */
      ask() {
        const response = new EventEmitter();
        server.emit("request", { socket }, response);
        return { refused: overload({ socket } as never)?.reason, answer: () => response.emit("close") };
      },
    });
    server.emit("connection", socket);
    return socket;
  };
}
const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const openOf = (sockets: { open: boolean }[]) => sockets.filter(({ open }) => open).length;
const stranger = "203.0.113.9";

test("ten thousand silent connections of one address keep to their share and lock nobody out", () => {
  const come = house();
  const silent = times(10_000, () => come(stranger));
  expect(openOf(silent)).toBe(maxConnectionsPerAddress);
  expect(come("203.0.113.10").ask().refused).toBeUndefined();
  vi.advanceTimersByTime(silentMs);
  const neighbour = come(`::ffff:${stranger}`);
  expect([neighbour.open, neighbour.ask().refused]).toEqual([true, undefined]);
  expect([silent[0]!.open, openOf(silent)]).toEqual([false, maxConnectionsPerAddress - 1]);
});

test.each([
  ["of this machine", () => "127.0.0.1"],
  ["of many addresses", (i: number) => `10.0.${i >> 8}.${i & 255}`],
])("silent connections %s use up all places, and lock nobody out", (_whose, addressOf) => {
  const come = house();
  const silent = times(2 * maxConnections, (i) => come(addressOf(i)));
  expect(openOf(silent)).toBe(maxConnections);
  vi.advanceTimersByTime(silentMs);
  const guests = times(100, () => come(stranger));
  expect(guests.map((guest) => guest.ask().refused)).toEqual(times(100, () => undefined));
  expect(openOf(guests)).toBe(100);
});

test("upgraded connections take no places from requests, are not closed for others, and are bounded by themselves", async () => {
  const come = house();
  const lines = times(2 * maxConnectionsPerAddress, () => come(stranger).upgrade().sayWhoItIs());
  expect(openOf(lines)).toBe(maxConnectionsPerAddress);
  vi.advanceTimersByTime(silentMs);
  const silent = times(2 * maxConnectionsPerAddress, () => come(stranger));
  expect(openOf(silent)).toBe(maxConnectionsPerAddress);
  expect(openOf(lines)).toBe(maxConnectionsPerAddress);
  lines[0]!.destroy();
  await nextTurn();
  vi.advanceTimersByTime(silentMs);
  expect(come(stranger).upgrade().open).toBe(true);
  const all = times(2 * maxUpgraded, (i) => come(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`).upgrade());
  expect(openOf(all)).toBeLessThanOrEqual(maxUpgraded);
  expect(openOf(all)).toBeGreaterThan(0.9 * maxUpgraded);
});

test("upgraded connections that do not say whose they are make room for those that do", async () => {
  const come = house();
  const known = times(maxConnectionsPerAddress / 2, () => come(stranger).upgrade().sayWhoItIs());
  const silent = times(maxConnectionsPerAddress / 2, () => come(stranger).upgrade());
  expect(come(stranger).upgrade().open).toBe(false);
  vi.advanceTimersByTime(silentMs);
  const later = times(maxConnectionsPerAddress / 2, () => come(stranger).upgrade().sayWhoItIs());
  expect([openOf(known), openOf(silent), openOf(later)]).toEqual([known.length, 0, later.length]);
  vi.advanceTimersByTime(silentMs);
  expect(come(stranger).upgrade().open).toBe(false);
});

test("a connection with a request in progress, or a new one, is not closed for another", () => {
  const come = house();
  const asking = times(maxConnectionsPerAddress / 2, () => come(stranger));
  const requests = asking.map((socket) => socket.ask());
  const fresh = times(maxConnectionsPerAddress / 2, () => come(stranger));
  expect(come(stranger).open).toBe(false);
  expect(openOf([...asking, ...fresh])).toBe(maxConnectionsPerAddress);
  vi.advanceTimersByTime(silentMs);
  const later = times(maxConnectionsPerAddress, () => come(stranger));
  expect([openOf(asking), openOf(fresh), openOf(later)]).toEqual([
    asking.length,
    0,
    maxConnectionsPerAddress - asking.length,
  ]);
  // One that was answered is closed at once if none has been silent for long.
  for (const request of requests) request.answer();
  expect([come(stranger).open, openOf(asking), openOf(later)]).toEqual([
    true,
    asking.length - 1,
    later.length / 2,
  ]);
  vi.advanceTimersByTime(silentMs);
  expect([come(stranger).open, openOf(asking), openOf(later)]).toEqual([
    true,
    asking.length - 1,
    later.length / 2 - 1,
  ]);
});

test("an address with too many concurrent requests is refused until some are answered", () => {
  const come = house();
  const sockets = times(maxConnectionsPerAddress, () => come(stranger));
  const requests = sockets.map((socket) => socket.ask());
  const refused = requests.map(({ refused }) => refused);
  expect(refused.indexOf("BUSY")).toBe(0.9 * maxConnectionsPerAddress);
  expect(come("203.0.113.10").ask().refused).toBeUndefined();
  for (const request of requests.slice(0, maxConnectionsPerAddress / 2)) request.answer();
  expect(sockets[0]!.ask().refused).toBeUndefined();
});

test("a closed connection gives its place back, whatever became of its requests", async () => {
  const come = house();
  for (let round = 0; round < 3; round++) {
    const sockets = times(maxConnectionsPerAddress, () => come(stranger));
    expect(openOf(sockets)).toBe(maxConnectionsPerAddress);
    const requests = sockets.flatMap((socket) => [socket.ask(), socket.ask()]);
    for (const socket of sockets) socket.destroy();
    await new Promise(setImmediate);
    for (const request of requests) request.answer();
  }
});

test("all of a /64 is one address", () => {
  const come = house();
  const sockets = times(maxConnectionsPerAddress + 50, (i) => come(`2001:db8:1:2:${i.toString(16)}::1`));
  expect(openOf(sockets)).toBe(maxConnectionsPerAddress);
  expect(come("2001:db8:1:3::1").open).toBe(true);
});

test.each([
  ["a trusted proxy", "10.1.2.3"],
  ["this machine, which may have an undeclared proxy,", "127.0.0.1"],
])("%s brings as many requests as it likes", (_who, address) => {
  const come = house(parseTrustProxy("10.0.0.0/8"));
  const many = times(3 * maxConnectionsPerAddress, () => come(address));
  expect(many.map((socket) => socket.ask().refused)).toEqual(many.map(() => undefined));
  expect(openOf(many)).toBe(many.length);
  expect(openOf(times(3 * maxConnectionsPerAddress, () => come(stranger)))).toBe(maxConnectionsPerAddress);
});

test("real connections rest between their requests", async () => {
  const server = createServer();
  let refused: unknown[] = [];
  const overload = shareConnections(server, trustNobody);
  server.on("request", (request, response) => {
    refused = [...refused, overload(request)];
    response.end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  for (let i = 0; i < 3; i++) {
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "data");
  }
  expect(refused).toEqual([undefined, undefined, undefined]);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
