import { setTimeout as delay } from "node:timers/promises";
import { create, type DescMethodUnary, type DescService, type Message } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import type { DomainError } from "../errors/domain-error.ts";
import type { Logger } from "../observe/log.ts";
import { nowAndThen } from "../observe/now-and-then.ts";
import { colourOf, traceparent } from "../observe/trace-context.ts";
import { overloaded } from "../protect/admission.ts";
import { rankOf, ranks } from "../protect/shedding.ts";
import type { Endpoints } from "../registry/registry.ts";
import { askerOf, type Call, deadlineExceeded, priorityRank, withinDeadline } from "./call.ts";
import { createExchange, type Sent } from "./exchange.ts";
import { hedged } from "./hedging.ts";
import { createLatency } from "./latency.ts";
import type { Meter } from "./meter.ts";
import { type Chance, followEndpoints, type Peer, realChance, type Wanted } from "./peers.ts";
import { createRetryBudget } from "./retry-budget.ts";
import { plaintext, type RpcCredentials } from "./rpc-credentials.ts";
import type { Affinity, Client, UntypedUnary } from "./service.ts";
import type { ServiceTokens } from "./service-token.ts";
import { fromStatus, isLost, isServiceError, neverBegun, unavailable } from "./status.ts";
import { whyUnreachable } from "./why-unreachable.ts";

/** Connections to the processes that run a module, and typed clients over them. */
export interface GrpcLink {
  client<S extends DescService>(service: S, affinity?: Affinity<S>): Client<S>;
  /** What every call would be refused with at once, because no peer is there; undefined if one is, or is being connected. */
  outage(): DomainError | undefined;
  close(): void;
}

type KeyOf = (request: Message, call: Call) => string;

/** Peers that one call may be sent to, one after the other. */
const maxAttempts = 3;
/** Before a call that may have been begun is sent again, at random up to this: many fail at the same time. */
const jitterMs = 20;
/** A second peer is asked no earlier: below this the wait is our own event loop's. */
const leastHedgeMs = 10;
/**
 * Calls to one module that may be under way at once: one that hangs does not take the memory and the deadlines of
 * everything. Likes of 256 people at once are 256 calls.
 */
const maxUnderWay = 512;
const fullMs = 1_000;

/**
 * Calls the module `to` at its endpoints on behalf of the module `from`. Where no peer is there, calls are refused at once
 * with `<MODULE>_UNAVAILABLE`; only for a connection that is just being made they wait.
 */
export function grpcLink(options: {
  from: string;
  to: string;
  endpoints: Endpoints;
  tokens: ServiceTokens;
  meter: Meter;
  log: Logger;
  chance?: Chance;
  credentials?: RpcCredentials | undefined;
}): GrpcLink {
  const { from, to, tokens, meter, log, chance = realChance } = options;
  const maySay = nowAndThen(chance.now);
  const peers = followEndpoints(options.endpoints, chance, options.credentials, tellUnreachable);
  const budget = createRetryBudget();
  let underWay = 0;

  /** The other process refuses what this one is, and only people can mend that. */
  function tellOperators({ reason, message }: DomainError): void {
    if (reason.startsWith("SERVICE_") && maySay(reason)) log.error({ from, to, reason }, message);
  }

  /** Callers are told that it is away; why it is, only people can mend. */
  function tellUnreachable(address: string): void {
    if (!maySay(`unreachable ${address}`)) return;
    whyUnreachable(address, options.credentials ?? plaintext).then(
      (why) => why && log.warn({ from, to, address }, `a process is not reached: ${why}`),
      (error) => log.warn({ from, to, address, err: error }, "a process is not reached"),
    );
  }

  /** The first peer for a call. */
  async function firstPeer(wanted: Wanted, call: Call): Promise<Peer> {
    for (;;) {
      const peer = peers.take(wanted);
      if (peer) return peer;
      const why = peers.retryAfterMs(wanted);
      if (why)
        throw why.reason === "overloaded" ? overloaded(chance.random) : unavailable(to, Math.ceil(why.ms));
      await withinDeadline(call, peers.changed);
    }
  }

  async function metadataOf(service: string, call: Call, asker: string): Promise<Metadata> {
    const metadata = new Metadata();
    metadata.set("authorization", await tokens.issue(from, service));
    metadata.set("traceparent", traceparent(call));
    const colour = colourOf(call.traceId);
    if (colour) metadata.set("douya-colour", colour);
    if (call.traceState) metadata.set("tracestate", call.traceState);
    if (call.priority) metadata.set("douya-priority", call.priority);
    metadata.set("douya-asker", asker);
    if (call.callerId) metadata.set("douya-caller", call.callerId);
    if (call.moderator) metadata.set("douya-moderator", "yes");
    return metadata;
  }

  const pause = (call: Call) => withinDeadline(call, () => delay(chance.random() * jitterMs));

  function unary(method: DescMethodUnary, keyOf: KeyOf | undefined): UntypedUnary {
    const measured = meter(method.parent.typeName, method.name);
    const exchange = createExchange(method, peers, chance.now);
    const latency = createLatency();
    const isRead = method.idempotency === Idempotency.NO_SIDE_EFFECTS;
    const repeatable = method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN;

    const mayRepeat = (error: ServiceError) =>
      neverBegun(error) || (repeatable && isLost(error) && budget.take());

    const refusalOf = (error: ServiceError) => {
      const refused = fromStatus(error, { module: to, method: method.name });
      tellOperators(refused);
      return refused;
    };

    /** The answer of this peer, or of another one that is asked too because it takes unusually long. */
    async function answerOf(peer: Peer, sent: Sent, wanted: Wanted): Promise<unknown> {
      const startedMs = chance.now();
      const first = exchange(peer, sent);
      const usualMs = isRead && peers.count() > 1 ? latency.p95() : undefined;
      const another = () => {
        const other = peers.take(wanted);
        if (!other) return undefined;
        wanted.except.add(other);
        if (budget.take()) return exchange(other, sent);
        peers.settle(other, { how: "abandoned" });
        return undefined;
      };
      const afterMs = Math.max(leastHedgeMs, usualMs ?? 0);
      const answer = await (usualMs === undefined ? first.answer : hedged(first, { afterMs, another }));
      latency.record(chance.now() - startedMs);
      return answer;
    }

    async function attempts(request: Message, call: Call): Promise<unknown> {
      const asker = askerOf(call);
      const metadata = await metadataOf(method.parent.typeName, call, asker);
      call.signal?.throwIfAborted();
      const tried = new Set<Peer>();
      const wanted = {
        colour: colourOf(call.traceId),
        key: keyOf?.(request, call),
        method: method.name,
        rank: rankOf(priorityRank(call.priority), asker),
        repeatable,
        except: tried,
      };
      let peer = await firstPeer(wanted, call);
      budget.called();
      for (;;) {
        tried.add(peer);
        try {
          return await answerOf(peer, { request, metadata, call }, wanted);
        } catch (error) {
          if (!isServiceError(error)) throw error;
          if (tried.size >= maxAttempts || !mayRepeat(error)) throw refusalOf(error);
          if (!neverBegun(error)) await pause(call);
          const other = peers.take(wanted);
          if (!other) throw refusalOf(error);
          peer = other;
        }
      }
    }
    return (asked, call) =>
      measured(async () => {
        if (call.deadlineMs <= Date.now()) throw deadlineExceeded();
        if (underWay >= maxUnderWay) throw unavailable(to, fullMs);
        underWay++;
        try {
          return await attempts(create(method.input, asked as never), call);
        } finally {
          underWay--;
        }
      });
  }

  return {
    client<S extends DescService>(service: S, affinity: Affinity<S> = {}) {
      const keys = affinity as unknown as Record<string, KeyOf>;
      const client: Record<string, UntypedUnary> = {};
      for (const method of service.methods)
        client[method.localName] = unary(method as DescMethodUnary, keys[method.localName]);
      return client as Client<S>;
    },
    outage() {
      const why = peers.retryAfterMs({ method: "", rank: ranks });
      return why?.reason === "unavailable" && why.ms > 0 ? unavailable(to, Math.ceil(why.ms)) : undefined;
    },
    close: peers.close,
  };
}
