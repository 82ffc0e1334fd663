import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { DomainError } from "../errors/domain-error.ts";
import { addressKey, canonicalAddress, type TrustProxy } from "./client-address.ts";
import { isLoopback } from "./hosts.ts";
import { onUpgrade } from "./on-upgrade.ts";

/** Some 200 MB if all are idle, and within the usual limit of open files. */
export const maxConnections = 10_000;
/** Enough for a school or an office behind one address; it takes five such shares to use up all connections. */
export const maxConnectionsPerAddress = 2_000;
/** Those that were upgraded stay open while nothing happens, at some 10 KB each; they have places of their own. */
export const maxUpgraded = 50_000;
/** How long the head of a request may take, from the start of the connection or the end of the last answer. */
export const headMs = 10_000;
export const headCheckMs = 2_000;
/** How long a new connection may be silent before it can be closed: its first bytes may not have been read yet. */
export const silentMs = 1_000;
const comeBackMs = 2_000;

interface Share {
  most: number;
  open: number;
  /** Connections without a request yet, oldest first, with the time since when. */
  silent: Map<Socket, number>;
  /** Idle connections after an answer, longest idle first. */
  idle: Set<Socket>;
}

/** A connection that is let in. */
interface Place {
  /** None once it has left. */
  shares: Share[];
  /** How many of its requests are under way. */
  underWay: number;
}

const keepers = new WeakMap<Socket, () => void>();
/** It is known whose this upgraded connection is: it makes room for no other. */
export function keepUpgraded(socket: Socket): void {
  keepers.get(socket)?.();
}

/** Why a request cannot be taken now, or undefined. */
export type Overload = ((request: IncomingMessage) => DomainError | undefined) & {
  /** Connections that are open now. */
  open(): Record<"http" | "upgraded", number>;
};

/**
 * Bounds the connections in all and per address. A full share closes the connection that has been silent longest, or
 * else one whose request was answered, so silent clients lock nobody out. The last tenth of a share is for refusing
 * requests. This machine and trusted proxies have no share of their own: they may bring many people.
 */
export function shareConnections(server: Server, trust: TrustProxy): Overload {
  const newShare = (most: number): Share => ({ most, open: 0, silent: new Map(), idle: new Set() });
  const house = newShare(maxConnections);
  const upgradedHouse = newShare(maxUpgraded);
  const ofAddress = new Map<string, Share>();
  const upgradedOfAddress = new Map<string, Share>();
  const places = new WeakMap<Socket, Place>();

  function stir(socket: Socket, { shares }: Place): void {
    for (const { silent, idle } of shares) {
      silent.delete(socket);
      idle.delete(socket);
    }
  }

  function leave(socket: Socket): void {
    const place = places.get(socket);
    if (!place) return;
    stir(socket, place);
    for (const share of place.shares) share.open--;
    place.shares = [];
  }

  function makeRoom({ open, most, silent, idle }: Share): boolean {
    if (open < most) return true;
    const [first, sinceMs] = silent.entries().next().value ?? [];
    const longSilent = first !== undefined && performance.now() - sinceMs! >= silentMs;
    const socket = longSilent ? first : idle.values().next().value;
    if (!socket) return false;
    leave(socket);
    socket.destroy();
    return true;
  }

  function ownShare(socket: Socket, ofAddress: Map<string, Share>): Share[] {
    const address = canonicalAddress(socket.remoteAddress ?? "");
    if (address === undefined || isLoopback(address) || trust(address, 0)) return [];
    const key = addressKey(address);
    const share = ofAddress.get(key) ?? newShare(maxConnectionsPerAddress);
    ofAddress.set(key, share);
    socket.once("close", () => {
      if (share.open === 0 && ofAddress.get(key) === share) ofAddress.delete(key);
    });
    return [share];
  }

  server.on("connection", (socket: Socket) => {
    const shares = [...ownShare(socket, ofAddress), house];
    if (!shares.every(makeRoom)) return void socket.destroy();
    places.set(socket, { shares, underWay: 0 });
    for (const share of shares) {
      share.open++;
      share.silent.set(socket, performance.now());
    }
    socket.prependOnceListener("close", () => leave(socket));
  });
  onUpgrade(
    server,
    (socket) => {
      // It is no request that ends. Once it is known whose it is, its silence is no reason to close it.
      leave(socket);
      const shares = [...ownShare(socket, upgradedOfAddress), upgradedHouse];
      if (!shares.every(makeRoom)) return false;
      const place = { shares, underWay: 1 };
      for (const share of shares) {
        share.open++;
        share.silent.set(socket, performance.now());
      }
      places.set(socket, place);
      keepers.set(socket, () => stir(socket, place));
      return true;
    },
    leave,
  );
  // Before the request is handled.
  server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const place = places.get(socket);
    if (!place) return;
    place.underWay++;
    stir(socket, place);
    response.once("close", () => {
      place.underWay--;
      if (place.underWay === 0) for (const { idle } of place.shares) idle.add(socket);
    });
  });

  const overload = ({ socket }: IncomingMessage) => {
    const full = ({ open, most, silent, idle }: Share) => open - silent.size - idle.size > 0.9 * most;
    if (!places.get(socket)?.shares.some(full)) return undefined;
    const message = "Too many requests are under way at once. Try again in a moment.";
    // 503, not the 429 of BUSY: the sender may be one of many behind one address.
    return new DomainError("unavailable", "BUSY", message, comeBackMs);
  };
  return Object.assign(overload, {
    open: () => ({ http: house.open, upgraded: upgradedHouse.open }),
  });
}
