import type { FastifyBaseLogger, FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { problemBody } from "#contracts/problem.ts";
import { refusal } from "#contracts/reasons.ts";
import { isDiskFull } from "#platform/errors/disk-full.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type RefusalForm, sendRetryAfter } from "#platform/http/refusals.ts";

/** Any error as a refusal. An error that is neither a refusal nor the client's fault is logged, once. */
export function toRefusal(error: unknown, request: FastifyRequest): DomainError {
  if (error instanceof DomainError) return error;
  // Its body did not arrive completely.
  if (error === request.raw.errored) return refusal("CALLER_GONE");
  const { statusCode = 500, code, message, validation } = error as FastifyError;
  if (validation) {
    const [first] = validation;
    const { missingProperty, additionalProperty } = first?.params ?? {};
    if (additionalProperty) return refusal("INVALID_ARGUMENT", `${additionalProperty} is not known here.`);
    const where = first?.instancePath.slice(1).replaceAll("/", ".") || String(missingProperty ?? "");
    const what = choiceOf(validation) ?? first?.message;
    return refusal("INVALID_ARGUMENT", where ? `${where}: ${what}.` : `${message}.`);
  }
  if (statusCode === 413) return refusal("BODY_TOO_LARGE", "The request is too large.");
  if (statusCode === 415) return refusal("UNSUPPORTED_MEDIA_TYPE");
  if (statusCode >= 400 && statusCode < 500) {
    const reason = code?.startsWith("FST_") ? "MALFORMED_REQUEST" : "INVALID_ARGUMENT";
    return refusal(reason, message.replace(/\.?$/, "."));
  }
  return unexpected(error, request.log, request.id);
}

/** What a value may be, where that is one of a few; the checker names the first of them, or none. */
function choiceOf(validation: NonNullable<FastifyError["validation"]>): string | undefined {
  if (!validation.every(({ keyword }) => ["const", "enum", "anyOf"].includes(keyword))) return undefined;
  const values = validation.flatMap(({ params }) => params.allowedValues ?? params.allowedValue ?? []);
  return `must be one of ${values.join(", ")}`;
}

/** Logs an error that is neither a refusal nor the client's fault, and says what the client is told. */
export function unexpected(error: unknown, log: FastifyBaseLogger, traceId?: string): DomainError {
  log.error({ err: error, ...(traceId && { traceId }) }, "internal error");
  if (isDiskFull(error)) return refusal("DISK_FULL");
  return refusal("INTERNAL", "Something went wrong on our side. Try again in a moment.");
}

/** Answers with problem+json (RFC 9457). */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refused = toRefusal(error, request);
  const { status, type, body } = problemOf(refused, request.id);
  sendRetryAfter(refused, status, reply);
  return reply.code(status).type(type).serializer(JSON.stringify).send(body);
}

export const problemOf: RefusalForm = (refused, traceId) => {
  const body = problemBody(refused, traceId);
  return { status: body.status, type: "application/problem+json", body };
};
