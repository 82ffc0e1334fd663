import { status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";
import { DomainError, type ErrorKind } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { deadlineExceeded } from "./call.ts";
import type { Ending } from "./peers.ts";

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

/** The process of another version has no such method. */
function isOtherVersion(error: ServiceError): boolean {
  return error.code === grpcStatus.UNIMPLEMENTED || reasonIn(error) === "SERVICE_VERSION_DIFFERS";
}

/**
 * The peer never looked at the call: it was stopping (HTTP/2: REFUSED_STREAM), there was no connection, or it does not
 * know the method.
 */
export function neverBegun(error: ServiceError): boolean {
  const { code, details } = error;
  if (isOtherVersion(error)) return true;
  return (
    code === grpcStatus.UNAVAILABLE &&
    (details === "Stream refused by server" || details.startsWith("No connection established"))
  );
}

/** The peer was lost, perhaps after it had done what it was asked. */
export function isLost(error: ServiceError): boolean {
  if (reasonIn(error)) return false;
  const { code, details } = error;
  return (
    code === grpcStatus.UNAVAILABLE ||
    code === grpcStatus.CANCELLED ||
    (code === grpcStatus.INTERNAL && details.startsWith("Received RST_STREAM"))
  );
}

/** A deadline below this says more about the caller than about the peer. */
const enoughMs = 1_000;

/** What an error tells about the peer. */
export function endingOf(error: ServiceError, { ms, givenMs }: { ms: number; givenMs: number }): Ending {
  if (reasonIn(error) === "OVERLOADED") return { how: "turned away" };
  if (error.code === grpcStatus.DEADLINE_EXCEEDED)
    return givenMs < enoughMs ? { how: "abandoned" } : { how: "silent", ms };
  if (isLost(error)) return { how: "silent", ms };
  const failed = error.code === grpcStatus.UNAVAILABLE || error.code === grpcStatus.INTERNAL;
  return { how: failed ? "failed" : "answered", ms };
}

function reasonIn({ metadata }: ServiceError): string | undefined {
  return metadata?.get("douya-reason")[0]?.toString();
}

function retryAfterMsIn({ metadata }: ServiceError): number | undefined {
  const given = metadata.get("douya-retry-after-ms")[0];
  return given === undefined ? undefined : Number(given);
}

/** The same refusal on the other side. An error that no handler made becomes a refusal of the link. */
export function fromStatus(
  error: ServiceError,
  { module, method }: { module: string; method: string },
): DomainError {
  const reason = reasonIn(error);
  if (reason) {
    const kind = kindOfStatus.get(error.code) ?? "internal";
    return new DomainError(kind, reason, decodeURIComponent(error.details), retryAfterMsIn(error));
  }
  if (error.code === grpcStatus.DEADLINE_EXCEEDED) return deadlineExceeded();
  if (isOtherVersion(error)) return refusal("SERVICE_VERSION_DIFFERS", { service: module, method });
  if (isLost(error)) return unavailable(module);
  return refusal("INTERNAL");
}

const usualRetryMs = 1_000;

export function unavailable(module: string, retryAfterMs = usualRetryMs): DomainError {
  const reason = `${module.toUpperCase()}_UNAVAILABLE`;
  return new DomainError(
    "unavailable",
    reason,
    `The ${module} service is not reachable right now.`,
    retryAfterMs,
  );
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "metadata" in error && "details" in error;
}
