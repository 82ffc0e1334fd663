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
    /** Who may ask: `required` refuses guests, `optional` takes them, `none` does not look. */
    auth?: "required" | "optional" | "none";
    /** What its answer is worth when not all can be answered; normal by default. */
    priority?: Priority;
  }
  interface FastifyRequest {
    identity?: Identity;
    /** See PublicCall. */
    missing?: Set<string>;
    /** Fires when the client is gone before it was answered. */
    gone?: AbortSignal;
  }
}

/** A call made for a public request. */
export interface PublicCall extends Call {
  /** What the answer has to do without, because the service that knows could not be asked. */
  readonly missing: Set<string>;
}

/** The call that a request makes of the services, on behalf of whoever sent it. */
export function callOf(request: FastifyRequest, withinMs = requestMs): PublicCall {
  const { userId: callerId, moderator } = request.identity ?? {};
  const { traceparent, tracestate } = request.headers;
  request.missing ??= new Set();
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

/** Has the calls of a request end when its client hangs up before the answer. */
export function watchClients(app: FastifyInstance): void {
  app.addHook("onRequest", (request, { raw }, done) => {
    request.gone = goneSignal(raw);
    done();
  });
}

// The request's own "close" comes as soon as its body has been read.
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = callController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(refusal("CALLER_GONE"));
  });
  return gone.signal;
}

/** Says in a header which parts of an answer are missing: there a 0 or a false means that nobody could tell. */
export function tellMissing(app: FastifyInstance): void {
  app.addHook("onSend", (request, reply, _payload, done) => {
    if (request.missing?.size) reply.header("douya-missing", [...request.missing].join(", "));
    done();
  });
}

/** Finds out who asks; see FastifyContextConfig.auth. */
export async function identify(
  { auth, limits }: { auth: Auth; limits: Limits },
  request: FastifyRequest,
  token: string | undefined,
  need: "required" | "optional" | "none",
): Promise<void> {
  try {
    if (token && need !== "none")
      request.identity = await auth.identify(token, { ...callOf(request), priority: "essential" });
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
