import { DomainError } from "../errors/domain-error.ts";

/** What travels with every call, on both links: who asks, since when it is too late, and which trace it is. */
export interface Call {
  /** The person on whose behalf the call is made; absent for guests and for work of the system itself. */
  readonly callerId?: string | undefined;
  /** Whether that person may moderate; as fresh as the check of their session. */
  readonly moderator?: boolean | undefined;
  /** 32 hex digits, as in W3C trace context. */
  readonly traceId: string;
  /** Unix milliseconds; nobody waits for the answer after it. A callee never gets more than its caller has left. */
  readonly deadlineMs: number;
}

/** The caller of a call that only makes sense for somebody. Error: LOGIN_REQUIRED. */
export function requireCaller(call: Call): string {
  if (call.callerId) return call.callerId;
  throw new DomainError("unauthenticated", "LOGIN_REQUIRED", "Log in first.");
}

const maxTimerMs = 2 ** 31 - 1;

/** Settles like `work`, or refuses with DEADLINE_EXCEEDED once the call's deadline has passed. */
export function withinDeadline<T>(call: Call, work: () => Promise<T>): Promise<T> {
  const leftMs = call.deadlineMs - Date.now();
  if (leftMs <= 0) return Promise.reject(deadlineExceeded());
  return new Promise<T>((resolve, reject) => {
    // A timer that is set further ahead than it can count fires at once.
    const timer = setTimeout(() => reject(deadlineExceeded()), Math.min(leftMs, maxTimerMs));
    work()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

export function deadlineExceeded(): DomainError {
  return new DomainError("deadline", "DEADLINE_EXCEEDED", "The answer took too long. Try again.", 1000);
}
