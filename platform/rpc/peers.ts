import type { Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import type { Endpoint, Endpoints } from "../registry/registry.ts";
import { lineIn } from "./admission-line.ts";
import { chooseByKey } from "./affinity.ts";
import { type Balanced, createBalancer, warmUpMs } from "./balancer.ts";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";
import { type Connection, openConnection } from "./connection.ts";
import { loadIn } from "./load-report.ts";
import { createOutlierEjection } from "./outlier-ejection.ts";
import type { RpcCredentials } from "./rpc-credentials.ts";

/** What time it is, in milliseconds, and a number from 0 to below 1: tests give their own. */
export interface Chance {
  now(): number;
  random(): number;
}
export const realChance: Chance = { now: () => performance.now(), random: Math.random };

/** One process that runs the callee, as this link sees it. */
export interface Peer extends Balanced {
  readonly address: string;
  client(): GrpcClient;
}

/** What a call asks of the peer that gets it. */
export interface Wanted {
  readonly colour?: string | undefined;
  /** Calls with the same key go to the same peer as far as it has room. */
  readonly key?: string | undefined;
  readonly method: string;
  /** See `rankOf` of platform/protect/shedding.ts. */
  readonly rank: number;
  /** May be sent to another peer if this one fails. */
  readonly repeatable: boolean;
  /** Those that have it already. */
  readonly except: Set<Peer>;
}

/** How a call ended. */
export type Ending =
  /** `failed`: by an error that the peer answered. `silent`: by none, or after the deadline. */
  | { how: "answered" | "failed" | "silent"; ms: number }
  /** Refused because the peer, or somebody behind it, has too much to do; which calls it refuses, its trailers tell. */
  | { how: "turned away" }
  /** Nobody waits for it any more; `ms` where it had been given up for another peer. */
  | { how: "abandoned"; ms?: number };

export interface Peers {
  /** The peer for the next call, to be settled once; undefined when none is ready. */
  take(wanted: Wanted): Peer | undefined;
  settle(peer: Peer, ending: Ending): void;
  /** What a peer said with its answer to a call of `method`. */
  reported(peer: Peer, method: string, trailers: Metadata): void;
  /** Why no peer is taken: how long until it is worth asking again; undefined while one is still connecting. */
  retryAfterMs(
    wanted: Pick<Wanted, "method" | "rank">,
  ): { reason: "overloaded" | "unavailable"; ms: number } | undefined;
  count(): number;
  /** Resolves at the next change of a peer's state. */
  changed(): Promise<void>;
  close(): void;
}

interface Tracked extends Peer {
  colour: string | undefined;
  connection: Connection;
  breaker: CircuitBreaker;
  /** By method: calls of a rank below the line are not wanted there until then. */
  lines: Map<string, { line: number; untilMs: number }>;
  /** When it last answered a call, by whatever. */
  answeredAtMs: number;
  retired: boolean;
  /** Until it counts as lost. */
  lost: NodeJS.Timeout | undefined;
}

const usualRetryMs = 1_000;
/** One that has left waits for its successors for so long: they may be registered a moment before they listen. */
const leavingMs = 5_000;
/** What a peer said of what it turns away is believed for so long: it draws its line anew four times a second. */
const lineMs = 1_000;

/** A restart is over by then. */
const lostMs = 5_000;

/** A connection to each endpoint, and the choice between them. `onLost` is told of a peer that stays away. */
export function followEndpoints(
  endpoints: Endpoints,
  chance: Chance,
  credentials?: RpcCredentials,
  onLost: (address: string) => void = () => {},
): Peers {
  const byAddress = new Map<string, Tracked>();
  let peers: Tracked[] = [];
  /** They have left, and serve until a successor is connected. */
  const leaving: Tracked[] = [];
  const isReady = ({ connection }: Tracked) => connection.state() === "ready";
  const waiting: (() => void)[] = [];
  const balance = createBalancer(chance);
  const outliers = createOutlierEjection<Tracked>(chance);

  function changed(): void {
    for (const wake of waiting.splice(0)) wake();
  }

  function follow(): void {
    const current = new Map(endpoints.current().map((endpoint) => [endpoint.address, endpoint]));
    for (const [address, peer] of byAddress) {
      if (current.has(address)) continue;
      byAddress.delete(address);
      leaving.push(peer);
      setTimeout(() => retire(peer), leavingMs).unref();
    }
    for (const endpoint of current.values()) {
      const known = byAddress.get(endpoint.address);
      if (known) known.colour = endpoint.colour;
      else byAddress.set(endpoint.address, track(endpoint));
    }
    peers = [...byAddress.values()];
    dismiss();
    changed();
  }

  /** Lets those go that have left, unless nobody who stays is connected yet. */
  function dismiss(): void {
    if (peers.length > 0 && !peers.some(isReady)) return;
    for (const peer of leaving.splice(0)) retire(peer);
  }

  /** Nothing more is given to it; its connection closes when the calls on it have ended. */
  function retire(peer: Tracked): void {
    peer.retired = true;
    const at = leaving.indexOf(peer);
    if (at >= 0) leaving.splice(at, 1);
    if (peer.inFlight === 0) peer.connection.close();
  }

  function track({ address, colour }: Endpoint): Tracked {
    const onChange = () => {
      if (connection.state() === "ready") {
        Object.assign(peer, { warmAtMs: chance.now() + warmUpMs, credit: 1 });
        clearTimeout(peer.lost);
        peer.lost = undefined;
      } else peer.lost ??= setTimeout(() => sayLost(peer), lostMs).unref();
      dismiss();
      changed();
    };
    const connection = openConnection(address, onChange, credentials);
    const peer: Tracked = {
      address,
      colour,
      connection,
      client: connection.client,
      breaker: createCircuitBreaker(chance),
      inFlight: 0,
      reported: 0,
      reportedAtMs: 0,
      warmAtMs: 0,
      credit: 1,
      lines: new Map(),
      answeredAtMs: Number.NEGATIVE_INFINITY,
      retired: false,
      lost: undefined,
    };
    return peer;
  }

  function sayLost(peer: Tracked): void {
    if (byAddress.get(peer.address) !== peer) return;
    onLost(peer.address);
    peer.lost = setTimeout(() => sayLost(peer), lostMs).unref();
  }

  /** How long a peer turns away what is wanted. */
  function turnsAwayForMs({ lines }: Tracked, { method, rank }: Pick<Wanted, "method" | "rank">): number {
    const known = lines.get(method);
    return known && rank < known.line ? Math.max(0, known.untilMs - chance.now()) : 0;
  }

  function choose(wanted: Wanted): Tracked | undefined {
    const canTake = (peer: Tracked) =>
      isReady(peer) && !wanted.except.has(peer) && peer.breaker.state() !== "open";
    const staying = peers.filter(canTake);
    const ready = staying.length > 0 ? staying : leaving.filter(canTake);
    const willing = ready.filter((peer) => turnsAwayForMs(peer, wanted) === 0);
    if (willing.length < 2) return willing[0];
    const coloured = inColour(willing, wanted.colour);
    const probed = coloured.find(({ breaker }) => breaker.state() === "half-open");
    if (probed && wanted.repeatable) return probed;
    const sound = preferred(coloured, ({ breaker }) => breaker.state() === "closed");
    const usual = preferred(sound, (peer) => !outliers.isEjected(peer));
    return wanted.key === undefined ? balance(usual) : chooseByKey(usual, wanted.key);
  }

  follow();
  const unwatch = endpoints.watch(follow);
  return {
    take(wanted) {
      const peer = choose(wanted);
      if (!peer) return undefined;
      peer.inFlight++;
      peer.breaker.begin();
      return peer;
    },
    settle(given, ending) {
      const peer = given as Tracked;
      peer.inFlight--;
      if (peer.retired) return retire(peer);
      if (ending.how === "turned away") {
        // It answers, and says nothing of how well it does what it lets in.
        peer.answeredAtMs = chance.now();
        peer.breaker.succeeded();
        return;
      }
      if (ending.how === "abandoned") {
        peer.breaker.abandoned();
        if (ending.ms !== undefined) outliers.record(peer, { failed: false, ms: ending.ms }, peers);
        return;
      }
      const nowMs = chance.now();
      if (ending.how !== "silent") {
        // Errors that all peers answer alike, as while the database is away, are no reason to ask none of them.
        peer.answeredAtMs = nowMs;
        peer.breaker.succeeded();
      } else if (peer.answeredAtMs < nowMs - ending.ms) peer.breaker.failed();
      // Else it has answered others meanwhile: it has much to do, or this call was long.
      else peer.breaker.abandoned();
      outliers.record(peer, { failed: ending.how !== "answered", ms: ending.ms }, peers);
    },
    reported(given, method, trailers) {
      const peer = given as Tracked;
      const [load, line] = [loadIn(trailers), lineIn(trailers)];
      if (load !== undefined) Object.assign(peer, { reported: load, reportedAtMs: chance.now() });
      if (line) peer.lines.set(method, { line, untilMs: chance.now() + lineMs });
      else if (line === 0) peer.lines.delete(method);
    },
    retryAfterMs(wanted) {
      const staying = peers.filter(isReady);
      // One that was refused a while ago may be there now.
      if (staying.length === 0) for (const { connection } of peers) connection.retry();
      const ready = staying.length > 0 ? staying : leaving.filter(isReady);
      if (ready.length === 0)
        return peers.some(({ connection }) => connection.state() === "connecting")
          ? undefined
          : { reason: "unavailable", ms: usualRetryMs };
      const forMs = ready.map((peer) => turnsAwayForMs(peer, wanted)).filter((ms) => ms > 0);
      if (forMs.length > 0) return { reason: "overloaded", ms: Math.min(...forMs) };
      return { reason: "unavailable", ms: Math.min(...ready.map(({ breaker }) => breaker.openForMs())) };
    },
    count: () => peers.length,
    changed: () => new Promise((resolve) => waiting.push(resolve)),
    close() {
      unwatch();
      byAddress.clear();
      for (const { connection } of [...peers, ...leaving]) connection.close();
      changed();
    },
  };
}

/** Those of the colour, else those without one, else all. */
function inColour(peers: Tracked[], colour: string | undefined): Tracked[] {
  const own = peers.filter((peer) => peer.colour === colour);
  return own.length > 0 ? own : preferred(peers, (peer) => peer.colour === undefined);
}

function preferred(peers: Tracked[], test: (peer: Tracked) => boolean): Tracked[] {
  const some = peers.filter(test);
  return some.length > 0 ? some : peers;
}
