import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { readTraceContext } from "#platform/observe/trace-context.ts";
import { type Call, callController, type Priority } from "#platform/rpc/call.ts";
import type { Auth, Identity } from "./auth.ts";
import type { Limits } from "./limits.ts";

/** How long the services have together to answer one HTTP request. */
const requestMs = 10_000;

declare module "fastify" {
  interface FastifyContextConfig {
    /** Who may ask: `required` refuses guests, `optional` accepts them, `none` ignores the token. */
    auth?: "required" | "optional" | "none";
    /** The priority of the answer under load; normal by default. */
    priority?: Priority;
  }
  interface FastifyRequest {
    identity?: Identity;
    /** See PublicCall. */
    missing?: Set<string>;
    /** Its close tells that the client is gone. */
    response?: ServerResponse;
    /** Aborts when the client disconnects before the answer. */
    gone?: AbortSignal;
  }
}

/** A call made for a public request. */
export interface PublicCall extends Call {
  /** The parts that the answer lacks because a service could not be asked. */
  readonly missing: Set<string>;
}

/**
 * The call that a request makes to the services, on behalf of its sender. Its signal costs as much as half of the rest
 * of a cached page, so none is made for one.
 */
export function callOf(request: FastifyRequest, withinMs = requestMs): PublicCall {
  const { userId: callerId, moderator } = request.identity ?? {};
  const { traceparent, tracestate } = request.headers;
  request.missing ??= new Set();
  request.gone ??= request.response && goneSignal(request.response);
  return {
    callerId,
    moderator,
    ...(traceparent && readTraceContext(traceparent, tracestate)),
    traceId: request.id,
    priority: request.routeOptions.config.priority,
    deadlineMs: Date.now() + withinMs,
    signal: request.gone,
    missing: request.missing,
  };
}

/** Aborts the calls of a request when its client disconnects before the answer. */
export function watchClients(app: FastifyInstance): void {
  app.addHook("onRequest", (request, { raw }, done) => {
    request.response = raw;
    done();
  });
}

// The request's own "close" is emitted as soon as its body has been read.
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = callController();
  const close = () => {
    if (!response.writableFinished) gone.abort(refusal("CALLER_GONE"));
  };
  if (response.closed) close();
  else response.once("close", close);
  return gone.signal;
}

/** A header names the parts that an answer lacks: there, 0 or false means unknown. */
export function tellMissing(app: FastifyInstance): void {
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (request.missing?.size) reply.header("douya-missing", [...request.missing].join(", "));
    done();
  });
}

/** Identifies the caller; see FastifyContextConfig.auth. */
export async function identify(
  { auth, limits }: { auth: Auth; limits: Limits },
  request: FastifyRequest,
  token: string | undefined,
  need: "required" | "optional" | "none",
): Promise<void> {
  try {
    if (token && need !== "none")
      request.identity =
        auth.known(token) ?? (await auth.identify(token, { ...callOf(request), priority: "essential" }));
    else if (need === "required") throw refusal("LOGIN_REQUIRED");
  } catch (error) {
    if (error instanceof DomainError && error.kind === "unauthenticated")
      await limits.takeUnidentified(request, error.reason);
    throw error;
  }
}

export function bearerToken(request: FastifyRequest): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ", 2);
  return scheme?.toLowerCase() === "bearer" ? token : undefined;
}
