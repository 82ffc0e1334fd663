import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { statusOf } from "#contracts/problem.ts";
import type { DomainError, ErrorKind } from "#platform/errors/domain-error.ts";
import { protocolStatus, type Refused, sendRetryAfter } from "#platform/http/refusals.ts";
import { toRefusal } from "../edge/problem.ts";
import { identify } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { formOfGet } from "./form-of-get.ts";
import { mergeParameters, type Parameters } from "./parameters.ts";
import { statusCodeOf } from "./status-codes.ts";

/** These kinds have an HTTP status of their own: the request reached no handler, or should be repeated later. */
const ownStatus: ReadonlySet<ErrorKind> = new Set(["exhausted", "unavailable", "deadline", "internal"]);

export const ok = { status_code: 0, status_msg: "ok" } as const;

/** The schema of an answer with these fields, and status_code and status_msg. */
export function answerSchema(properties: Record<string, unknown>) {
  const all = { status_code: { type: "integer" }, status_msg: { type: "string" }, ...properties };
  return { response: { 200: { type: "object", properties: all } } };
}

/** An endpoint that takes its parameters, the token included, from query, form or both. */
export function endpoint(
  app: FastifyInstance,
  context: GatewayContext,
  options: {
    method: "GET" | "POST";
    path: string;
    answer: Record<string, unknown>;
    handle(parameters: Parameters, request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
  },
): void {
  app.route({
    method: options.method,
    url: options.path,
    schema: { hide: true, ...answerSchema(options.answer) },
    handler: async (request, reply) => {
      const parameters = mergeParameters(request.query, request.body ?? (await formOfGet(request)));
      await identify(context, request, parameters.get("token"));
      await context.limits.take(request);
      await context.admit.enter(request);
      return options.handle(parameters, request, reply);
    },
  });
}

/** HTTP 200 with the code of the refusal, as in the classic API. */
export function sendStatus(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  httpStatusCode?: number,
): FastifyReply {
  const refusal = toRefusal(error, request);
  sendRetryAfter(refusal, statusOf(refusal), reply);
  const { status, type, body } = statusForm(refusal);
  return reply
    .code(httpStatusCode ?? status)
    .type(type)
    .serializer(JSON.stringify)
    .send(body);
}

export function statusForm(refusal: DomainError): Refused {
  const { kind, reason } = refusal;
  const own = ownStatus.has(kind) || reason === "BODY_TOO_LARGE" || protocolStatus(reason) !== undefined;
  return {
    status: own ? statusOf(refusal) : 200,
    type: "application/json; charset=utf-8",
    body: { status_code: statusCodeOf(refusal), status_msg: refusal.message },
  };
}
