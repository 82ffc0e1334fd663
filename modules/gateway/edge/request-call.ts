import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { untilWords } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { inColour, readTraceContext } from "#platform/observe/trace-context.ts";
import { type Call, callController, chanceAsker } from "#platform/rpc/call.ts";
import type { Auth, Identity } from "./auth.ts";
import type { Limits } from "./limits.ts";
import { filePolicy, type Part, type RoutePolicy } from "./route-table.ts";
import { colourIn } from "./traffic-colour.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Why a service cannot be asked now; undefined if it can. */
    outage(service: string): DomainError | undefined;
  }
  interface FastifyRequest {
    identity?: Identity;
    /** See askerOfRequest. */
    guest?: string;
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
  /** The parts that it may lack; of any other part, the failure is the answer's. */
  readonly without: readonly Part[];
  /** What operators have switched off: it is not asked for. */
  readonly switchedOff: ReadonlySet<string>;
  /** What was true at this epoch of what feeds show may be in the answer (docs/adr/0011); absent: only what is asked for. */
  readonly asOf?: number | undefined;
}

const nothing: ReadonlySet<string> = new Set();

/** What is declared of a request's route. */
function policyOf({ routeOptions }: FastifyRequest): RoutePolicy {
  return routeOptions.config.policy ?? filePolicy;
}

/** Refuses at once what could not be answered to the end. Errors: <SERVICE>_UNAVAILABLE. */
export function requireServices(request: FastifyRequest): void {
  for (const service of policyOf(request).needs) {
    const outage = request.server.outage(service);
    if (outage) throw outage;
  }
}

/**
 * The call that a request makes to the services that its route needs, on behalf of its sender, who is counted by then.
 * Its signal costs as much as half of the rest of a cached page, so none is made for one. Errors: MODERATORS_ONLY,
 * <SERVICE>_UNAVAILABLE.
 */
export function callOf(request: FastifyRequest): PublicCall {
  if (policyOf(request).caller.moderator && !request.identity?.moderator) throw refusal("MODERATORS_ONLY");
  requireServices(request);
  return plainCallOf(request);
}

/** Error: ACCOUNT_MUTED. */
export function requireUnmuted(identity: Pick<Identity, "mutedUntilMs"> | undefined): void {
  const { mutedUntilMs = 0 } = identity ?? {};
  if (mutedUntilMs > Date.now()) throw refusal("ACCOUNT_MUTED", { until: untilWords(mutedUntilMs) });
}

/**
 * By whom a request is ranked, here and by the services: the person, else a chance of this request. Nothing that the
 * client sends has a part in that.
 */
export function askerOfRequest(request: FastifyRequest): string {
  if (request.identity) return request.identity.userId;
  request.guest ??= chanceAsker();
  return request.guest;
}

function plainCallOf(request: FastifyRequest): PublicCall {
  const { priority, timeoutMs, without } = policyOf(request);
  const { userId: callerId, moderator } = request.identity ?? {};
  const { traceparent, tracestate } = request.headers;
  request.missing ??= new Set();
  request.gone ??= request.response && goneSignal(request.response);
  return {
    callerId,
    moderator,
    asker: askerOfRequest(request),
    ...(traceparent && readTraceContext(traceparent, tracestate)),
    traceId: inColour(request.id, colourIn(request)),
    priority,
    deadlineMs: Date.now() + timeoutMs,
    signal: request.gone,
    missing: request.missing,
    without,
    switchedOff: request.server.switchedOff?.() ?? nothing,
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

/**
 * Identifies the caller as the route's policy says, before the body is taken in. Errors: LOGIN_REQUIRED, ACCOUNT_MUTED, those of
 * Auth.identify.
 */
export async function identify(
  { auth, limits }: { auth: Auth; limits: Limits },
  request: FastifyRequest,
  token: string | undefined,
): Promise<void> {
  const { caller, speaks } = policyOf(request);
  try {
    if (token && caller.issuer)
      request.identity =
        auth.known(token) ?? (await auth.identify(token, { ...plainCallOf(request), priority: "essential" }));
    else if (caller.required) throw refusal("LOGIN_REQUIRED");
  } catch (error) {
    if (error instanceof DomainError && error.kind === "unauthenticated")
      await limits.takeUnidentified(request, error.reason);
    throw error;
  }
  if (speaks) requireUnmuted(request.identity);
}

export function bearerToken(request: FastifyRequest): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ", 2);
  return scheme?.toLowerCase() === "bearer" ? token : undefined;
}
