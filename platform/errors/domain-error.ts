/** The kind of a refusal, which decides its gRPC and HTTP status. */
export type ErrorKind =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "too-large"
  | "exhausted"
  | "deadline"
  | "unavailable"
  | "internal";

/**
 * A refusal that the caller can act on. `reason` is stable and part of the API (`VIDEO_NOT_FOUND`);
 * `message` is an English sentence that says what to do. Anything else that is thrown counts as a bug
 * and is shown as "internal error".
 */
export class DomainError extends Error {
  readonly kind: ErrorKind;
  readonly reason: string;
  /** When it makes sense to try again. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.name = "DomainError";
    this.kind = kind;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whether whoever was asked is away, or asked by too many at once. */
export function isAwayOrBusy(error: unknown): error is DomainError {
  return error instanceof DomainError && (error.kind === "unavailable" || error.kind === "exhausted");
}
