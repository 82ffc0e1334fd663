import type { Reason } from "#platform/errors/catalogue.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { numbersOfKind, reasons } from "./reasons.ts";

/** The HTTP status of a refusal. */
export function statusOf({ kind, reason }: DomainError): number {
  return (reasons as Record<string, Reason>)[reason]?.status ?? numbersOfKind[kind].status;
}

/** A refusal as the body of application/problem+json (RFC 9457). */
export function problemBody(refused: DomainError, traceId?: string) {
  const { kind, message: detail, reason, retryAfterMs } = refused;
  return {
    type: `urn:douya:${reason}`,
    title: kind,
    status: statusOf(refused),
    detail,
    reason,
    traceId,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
