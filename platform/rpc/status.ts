import { status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";
import { DomainError, type ErrorKind } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { deadlineExceeded } from "./call.ts";

/** The gRPC status of each kind of refusal; `numbersOfKind` in contracts/reasons.ts has those of HTTP. */
const statusOfKind: Record<ErrorKind, grpcStatus> = {
  invalid: grpcStatus.INVALID_ARGUMENT,
  unauthenticated: grpcStatus.UNAUTHENTICATED,
  forbidden: grpcStatus.PERMISSION_DENIED,
  "not-found": grpcStatus.NOT_FOUND,
  conflict: grpcStatus.ALREADY_EXISTS,
  "too-large": grpcStatus.OUT_OF_RANGE,
  exhausted: grpcStatus.RESOURCE_EXHAUSTED,
  deadline: grpcStatus.DEADLINE_EXCEEDED,
  unavailable: grpcStatus.UNAVAILABLE,
  internal: grpcStatus.INTERNAL,
};
const kindOfStatus = new Map(Object.entries(statusOfKind).map(([kind, code]) => [code, kind as ErrorKind]));

/** A refusal on the wire: kind as the status, reason and retry time as metadata. */
export function toStatus(error: DomainError): { code: grpcStatus; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("douya-reason", error.reason);
  if (error.retryAfterMs !== undefined) metadata.set("douya-retry-after-ms", String(error.retryAfterMs));
  return { code: statusOfKind[error.kind], details: encoded(error.message), metadata };
}

/** Headers are ASCII. Half a surrogate pair cannot be encoded and becomes a replacement character. */
function encoded(message: string): string {
  return encodeURIComponent(Buffer.from(message).toString());
}

/** The peer was stopping and never looked at the call, which may be sent to another (HTTP/2: REFUSED_STREAM). */
export function neverBegun({ code, details }: ServiceError): boolean {
  return code === grpcStatus.UNAVAILABLE && details === "Stream refused by server";
}

/** The same refusal on the other side. An error that no handler made becomes a refusal of the link. */
export function fromStatus(error: ServiceError, module: string): DomainError {
  const reason = error.metadata?.get("douya-reason")[0]?.toString();
  if (reason) {
    const retry = error.metadata.get("douya-retry-after-ms")[0];
    return new DomainError(
      kindOfStatus.get(error.code) ?? "internal",
      reason,
      decodeURIComponent(error.details),
      retry === undefined ? undefined : Number(retry),
    );
  }
  if (error.code === grpcStatus.DEADLINE_EXCEEDED) return deadlineExceeded();
  if (error.code === grpcStatus.UNAVAILABLE || error.code === grpcStatus.CANCELLED) {
    return unavailable(module);
  }
  return refusal("INTERNAL");
}

export function unavailable(module: string): DomainError {
  const reason = `${module.toUpperCase()}_UNAVAILABLE`;
  return new DomainError("unavailable", reason, `The ${module} service is not reachable right now.`, 1000);
}
