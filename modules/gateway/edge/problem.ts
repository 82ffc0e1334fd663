import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { diskFull, isDiskFull } from "#platform/errors/disk-full.ts";
import { DomainError, type ErrorKind } from "#platform/errors/domain-error.ts";
import { protocolStatus, type RefusalForm, sendRetryAfter } from "#platform/http/refusals.ts";
import { callerGone } from "#platform/rpc/call.ts";

/** The one table from kinds of refusal to HTTP statuses. */
const httpStatus: Record<ErrorKind, number> = {
  invalid: 422,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "too-large": 413,
  exhausted: 429,
  deadline: 504,
  unavailable: 503,
  internal: 500,
};

export function statusOf({ kind, reason }: DomainError): number {
  return protocolStatus(reason) ?? httpStatus[kind];
}

/** Any error as a refusal; one that is none of ours and not the client's fault is logged, once. */
export function toRefusal(error: unknown, request: FastifyRequest): DomainError {
  if (error instanceof DomainError) return error;
  // What it had to send did not come to its end.
  if (error === request.raw.errored) return callerGone();
  const { statusCode = 500, code, message, validation } = error as FastifyError;
  if (validation) {
    const [first] = validation;
    const { missingProperty, additionalProperty } = first?.params ?? {};
    if (additionalProperty)
      return new DomainError("invalid", "INVALID_ARGUMENT", `${additionalProperty} is not known here.`);
    const where = first?.instancePath.slice(1).replaceAll("/", ".") || String(missingProperty ?? "");
    return new DomainError(
      "invalid",
      "INVALID_ARGUMENT",
      where ? `${where}: ${first?.message}.` : `${message}.`,
    );
  }
  if (statusCode === 413) return new DomainError("too-large", "BODY_TOO_LARGE", "The request is too large.");
  if (statusCode === 415)
    return new DomainError("invalid", "UNSUPPORTED_MEDIA_TYPE", "Send JSON, or a file as it is.");
  if (statusCode >= 400 && statusCode < 500) {
    return new DomainError(
      "invalid",
      code?.startsWith("FST_") ? "MALFORMED_REQUEST" : "INVALID_ARGUMENT",
      message.replace(/\.?$/, "."),
    );
  }
  request.log.error({ err: error, traceId: request.id }, "internal error");
  if (isDiskFull(error)) return diskFull();
  return new DomainError("internal", "INTERNAL", "Something went wrong on our side. Try again in a moment.");
}

/** Answers with problem+json (RFC 9457). */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = toRefusal(error, request);
  const { status, type, body } = problemOf(refusal, request.id);
  sendRetryAfter(refusal, status, reply);
  return reply.code(status).type(type).serializer(JSON.stringify).send(body);
}

export const problemOf: RefusalForm = (refusal, traceId) => {
  const { kind, message: detail, reason, retryAfterMs } = refusal;
  const status = statusOf(refusal);
  return {
    status,
    type: "application/problem+json",
    body: {
      type: `urn:douya:${reason}`,
      title: kind,
      status,
      detail,
      reason,
      traceId,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  };
};
