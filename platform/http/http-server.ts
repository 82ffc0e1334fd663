import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { AjvCompiler } from "@fastify/ajv-compiler";
import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from "fastify";
import { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { readTraceContext } from "../observe/trace-context.ts";
import { tellAllowedMethods } from "./allowed-methods.ts";
import { answerBeforeEnd } from "./answer-before-end.ts";
import { watchPace } from "./body-pace.ts";
import { canonicalAddress, clientAddress, type TrustProxy, trustNobody } from "./client-address.ts";
import { headCheckMs, headMs, shareConnections } from "./connections.ts";
import { isForeignCoding } from "./gzip-body.ts";
import { isLoopback, isLoopbackHost, wrongHost } from "./hosts.ts";
import { closeRefusedUpgrade } from "./on-upgrade.ts";
import { refusalForms, refuseOddities, refuseUnparsed, refuseUnrouted, sendRetryAfter } from "./refusals.ts";
import { addResponseHeaders, responseHeaders } from "./response-headers.ts";
import { type ShedAnswers, shedAnswers } from "./shed-answers.ts";

declare module "fastify" {
  interface FastifyInstance {
    shedAnswers: ShedAnswers;
  }
}

export interface HttpServerOptions {
  log: Logger;
  metrics: Metrics;
  /** Whose X-Forwarded-* headers are trusted. */
  trustProxy: TrustProxy;
  /** The public URL of the server, https://example.org; empty: any name is accepted. */
  publicUrl: string;
  /** Lets a remote scraper read /metrics; without it only this machine may. Empty: none. */
  metricsToken: string;
  /** By module: why it cannot serve now. */
  readiness: () => Promise<Record<string, string | undefined>>;
  /** By part: what cannot be done now while the rest works. No reason to send requests elsewhere. */
  degraded?: () => Promise<Record<string, string>>;
}

/** For bodies that are not files; files are streamed and have limits of their own. */
const maxBodyBytes = 64 * 1024;
/** A connection without traffic for this long is closed. */
const idleMs = 75_000;
/** Routes are made in a second; Fastify's own 10 s ended starts on machines that were very busy. */
const routesMs = 120_000;
/** A surrogate without its other half. */
const halfPair = /\p{Cs}/u;

// What checks a route's input and what writes its answers is made when it is first asked: making all of it would be a
// third of the start time.
const lazySerializers: ReturnType<typeof SerializerSelector> = (schemas, options) => {
  const compile = SerializerSelector()(schemas, options);
  return (route) => {
    let serialize: ReturnType<typeof compile> | undefined;
    return (answer) => {
      serialize ??= compile(route);
      return serialize(answer);
    };
  };
};

function lazyValidators(): ReturnType<typeof AjvCompiler> {
  // One for all plugins with the same schemas.
  const compilers = AjvCompiler();
  return (schemas, options) => (route) => {
    let validate: ReturnType<ReturnType<typeof compilers>> | undefined;
    const check = (input: unknown) => {
      validate ??= compilers(schemas, options)(route);
      return validate(input);
    };
    return Object.defineProperty(check, "errors", { get: () => validate?.errors }) as typeof validate & {};
  };
}

/** The HTTP side of a process: health, metrics, traces and limits. Modules add their routes. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { log, metrics, publicUrl, trustProxy } = options;
  const forms = refusalForms();
  const headers = responseHeaders(publicUrl);
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    childLoggerFactory: (logger) => logger,
    genReqId: (request) => readTraceContext(request.headers.traceparent).traceId,
    // Untrusted headers have been removed when these are read.
    trustProxy: () => true,
    bodyLimit: maxBodyBytes,
    connectionTimeout: idleMs,
    pluginTimeout: routesMs,
    http: { headersTimeout: headMs, connectionsCheckingInterval: headCheckMs },
    frameworkErrors: refuseUnrouted(forms, headers),
    clientErrorHandler: refuseUnparsed(forms, headers),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    // In strict number mode, Ajv checks whether "Infinity" is an integer, but not whether it is within bounds.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: "array", strictNumbers: false } },
    schemaController: {
      compilersFactory: { buildValidator: lazyValidators(), buildSerializer: lazySerializers },
    },
  });

  app.decorate("refusalForms", forms);
  app.decorate("shedAnswers", shedAnswers(forms, headers));
  const overload = shareConnections(app.server, trustProxy);
  metrics.gauges("douya_http_connections", "Open connections of clients", "kind", async () =>
    Object.entries(overload.open()).map(([kind, value]) => ({ labels: { kind }, value })),
  );
  refuseOddities(app.server, forms, headers);

  // For processes without a public surface; it sets its own error handlers.
  app.setErrorHandler((error, request, reply) => {
    if (!(error instanceof DomainError)) return reply.send(error);
    const { status, type, body } = forms.of(request.url)(error, request.id);
    sendRetryAfter(error, status, reply);
    return reply.code(status).type(type).serializer(JSON.stringify).send(body);
  });

  // These hooks run for every request; callbacks save a promise each.
  app.addHook("onRequest", (request, reply, done) => {
    const byProxy = believe(request.raw, trustProxy);
    watchPace(request.raw, reply.raw, request.routeOptions.config.takesFile ?? false);
    const probe = isProbe(request);
    const { takesGzip = false } = request.routeOptions.config;
    done(
      brokenHead(request.raw, takesGzip) ??
        (byProxy || probe ? undefined : wrongHost(request, publicUrl)) ??
        (probe ? undefined : overload(request.raw)),
    );
  });
  tellAllowedMethods(app);
  addResponseHeaders(app, headers);
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    metrics.http.observe(labels, reply.elapsedTime / 1000);
    closeRefusedUpgrade(request.raw);
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (!request.raw.complete) {
      // The framework sets "close" after a body that is too large.
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
    if (!ready) reply.header("retry-after", 5);
    const degraded = (await options.degraded?.()) ?? {};
    const some = Object.keys(degraded).length > 0;
    return reply.code(ready ? 200 : 503).send({ ready, modules, ...(some && { degraded }) });
  });
  app.get("/metrics", async (request, reply) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const own = trustProxy === trustNobody && publicUrl === "" && isFromHere(request.raw);
    const known = token !== undefined && sameSecret(token, options.metricsToken);
    if (!own && !known) return reply.code(404).send();
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  return app;
}

/**
 * Keeps only what a trusted proxy said in X-Forwarded-*, in the form that the framework reads. Returns whether the
 * request came from such a proxy.
 */
function believe({ headers, socket }: IncomingMessage, trust: TrustProxy): boolean {
  const peer = clientAddress(socket.remoteAddress, undefined, trustNobody);
  const trusted = trust(peer, 0);
  const forwardedFor = headers["x-forwarded-for"]?.toString();
  headers["x-forwarded-for"] = forwardedFor === undefined ? peer : clientAddress(peer, forwardedFor, trust);
  const protocol = trusted && lastOf(headers["x-forwarded-proto"]);
  if (protocol === "http" || protocol === "https") headers["x-forwarded-proto"] = protocol;
  else delete headers["x-forwarded-proto"];
  if (!trusted) delete headers["x-forwarded-host"];
  return trusted;
}

/** What is wrong with the head of any request. */
function brokenHead({ headers, rawHeaders }: IncomingMessage, takesGzip: boolean): DomainError | undefined {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]!.toLowerCase() === "host") hosts++;
  if (hosts > 1) return refusal("REQUEST_BROKEN", "The request says twice which host it is for.");
  if (isForeignCoding(headers["content-encoding"], takesGzip))
    return refusal("UNSUPPORTED_MEDIA_TYPE", "Send the body as it is, without Content-Encoding.");
}

/** The value from the nearest proxy. */
function lastOf(header: string | string[] | undefined): string | undefined {
  return header?.toString().split(",").at(-1)?.trim().toLowerCase();
}

/** It would be changed on its way to another process. */
function notUnicode(name: string): DomainError {
  return refusal("INVALID_ARGUMENT", `${name}: is no Unicode text.`);
}

/** Takes the same time wherever they differ. */
function sameSecret(one: string, other: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

/**
 * Whether the request comes from this machine itself. A proxy that adds no header is recognised only by the host name
 * or by an old version of HTTP: with one, set `trustProxy` or `publicUrl`.
 */
function isFromHere({ socket, rawHeaders, headers, httpVersion }: IncomingMessage): boolean {
  const forwarded = rawHeaders.some(
    (name, i) => i % 2 === 0 && /^(x-forwarded-.*|forwarded|x-real-ip|via)$/i.test(name),
  );
  const fromHere = isLoopback(canonicalAddress(socket.remoteAddress ?? ""));
  return fromHere && !forwarded && httpVersion === "1.1" && isLoopbackHost(headers.host ?? "");
}

/** Health checks use names of their own. */
function isProbe({ url }: FastifyRequest): boolean {
  return url === "/livez" || url === "/readyz";
}
