import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import fastify, { type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { DomainError } from "../errors/domain-error.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { watchPace } from "./body-pace.ts";
import { clientAddress, type TrustProxy, trustNobody } from "./client-address.ts";

export interface HttpServerOptions {
  log: Logger;
  metrics: Metrics;
  /** Whose X-Forwarded-* are believed. */
  trustProxy: TrustProxy;
  /** Lets a scraper from elsewhere read /metrics; without it only this machine may. Empty: none. */
  metricsToken: string;
  /** Per module: why it cannot serve now. */
  readiness: () => Promise<Record<string, string | undefined>>;
}

/** Bodies that are not files; those are streamed and have limits of their own. */
const maxBodyBytes = 64 * 1024;
/** A connection on which nothing moves for so long is closed. */
const idleMs = 75_000;
/** How long the rest of a refused body is read and thrown away. */
const drainMs = 15_000;
/** Some 200 MB when all are idle, and within the open files that common systems allow; more are turned away. */
const maxConnections = 10_000;

/** A surrogate without its other half. */
const halfPair = /\p{Cs}/u;

/** The HTTP side of a process: health, metrics, traces and limits, on which modules put their routes. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { log, metrics } = options;
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    childLoggerFactory: (logger) => logger,
    genReqId: (request) => traceIdOf(request.headers.traceparent),
    // The headers say what is believed by the time that they are read.
    trustProxy: () => true,
    bodyLimit: maxBodyBytes,
    connectionTimeout: idleMs,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: "array" } },
  });

  app.server.maxConnections = maxConnections;

  // Hooks run for every request; with callbacks they cost no promise each.
  app.addHook("onRequest", (request, reply, done) => {
    believe(request.raw, options.trustProxy);
    watchPace(request.raw, reply.raw, request.routeOptions.config.takesFile ?? false);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    metrics.http.observe(labels, reply.elapsedTime / 1000);
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (!request.raw.complete) {
      // The framework's wish to close after a body too large.
      reply.removeHeader("connection");
      answerBeforeEnd(request.raw, reply.raw);
    }
    done();
  });
  app.addHook("preValidation", (request, _reply, done) => {
    for (const [name, value] of Object.entries(request.body ?? {}))
      if (typeof value === "string" && halfPair.test(value)) return done(notUnicode(name));
    done();
  });

  app.get("/livez", async () => ({ alive: true }));
  app.get("/readyz", async (_request, reply) => {
    const reasons = await options.readiness();
    const ready = Object.values(reasons).every((reason) => reason === undefined);
    const modules = Object.fromEntries(Object.entries(reasons).map(([name, why]) => [name, why ?? "ready"]));
    return reply.code(ready ? 200 : 503).send({ ready, modules });
  });
  app.get("/metrics", async (request, reply) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const own = isLoopback(request.socket.remoteAddress) && !isForwarded(request.raw);
    const known = token !== undefined && sameSecret(token, options.metricsToken);
    if (!own && !known) return reply.code(404).send();
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  return app;
}

/** Leaves of the X-Forwarded-* headers what somebody who is trusted said, in the one form that the framework reads. */
function believe({ headers, socket }: IncomingMessage, trust: TrustProxy): void {
  const peer = clientAddress(socket.remoteAddress, undefined, trustNobody);
  const trusted = trust(peer, 0);
  headers["x-forwarded-for"] = clientAddress(peer, headers["x-forwarded-for"]?.toString(), trust);
  const protocol = trusted && lastOf(headers["x-forwarded-proto"]);
  if (protocol === "http" || protocol === "https") headers["x-forwarded-proto"] = protocol;
  else delete headers["x-forwarded-proto"];
  if (!trusted) delete headers["x-forwarded-host"];
}

/** What the nearest proxy wrote. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return header?.toString().split(",").at(-1)?.trim().toLowerCase();
}

/**
 * Answers whoever is still sending: closing the connection on them would take the answer away as well, so the
 * rest of the body is read and thrown away first, though not for ever.
 */
function answerBeforeEnd(request: IncomingMessage, response: ServerResponse): void {
  const closeAsked = !response.shouldKeepAlive;
  response.shouldKeepAlive = true;
  // The request's own is gone when an error has ended its stream.
  const { socket } = response;
  if (!socket) return;
  response.once("finish", () => {
    const timer = setTimeout(() => {
      if (!request.complete) socket.destroy();
    }, drainMs).unref();
    const done = () => {
      clearTimeout(timer);
      socket.off("close", done);
      if (closeAsked) socket.end();
    };
    if (request.complete) return done();
    request.once("end", done);
    // Once answered, a request no longer hears of its connection's end.
    socket.once("close", done);
    request.unpipe();
    request.resume();
  });
}

/** It would turn into something else on its way to another process. */
function notUnicode(name: string): DomainError {
  return new DomainError("invalid", "INVALID_ARGUMENT", `${name}: is no Unicode text.`);
}

/** The trace that a request belongs to (W3C trace context), or a new one. */
function traceIdOf(traceparent: string | string[] | undefined): string {
  const given = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-/.exec(String(traceparent ?? ""))?.[1];
  // Node keeps random bytes for UUIDs in store; asking for them one by one costs ten times as much.
  return given ?? randomUUID().replaceAll("-", "");
}

/** Takes the same time wherever they differ. */
function sameSecret(one: string, other: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

/** Whether anybody stands between the client and us, or says so. */
function isForwarded({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.some(
    (name, i) => i % 2 === 0 && /^(x-forwarded-.*|forwarded|x-real-ip|via)$/i.test(name),
  );
}

function isLoopback(address: string | undefined): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address ?? "");
}
