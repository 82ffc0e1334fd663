import { setMaxListeners } from "node:events";
import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { TraceContext } from "../observe/trace-context.ts";

/** What the answer is worth, for whoever must refuse some: play and session checks, everything else, what can be left out. */
export const priorities = ["sheddable", "normal", "essential"] as const;
export type Priority = (typeof priorities)[number];

/** What travels with every call, on both links: who asks, when it is too late, what it is worth, and which trace it is. */
export interface Call extends TraceContext {
  /** The person on whose behalf the call is made; absent for guests and for work of the system itself. */
  readonly callerId?: string | undefined;
  /** Whether that person may moderate; as fresh as the check of their session. */
  readonly moderator?: boolean | undefined;
  /** Unix milliseconds; nobody waits for the answer after it. A callee never gets more than its caller has left. */
  readonly deadlineMs: number;
  /** Fires when nobody waits for the answer any more: at the deadline, or earlier when the caller is gone. */
  readonly signal?: AbortSignal | undefined;
  /** Normal when absent. */
  readonly priority?: Priority | undefined;
}

/** A call as a handler gets it: what works for it for long ends when its signal fires. */
export interface ServedCall extends Call {
  readonly signal: AbortSignal;
}

/** The caller of a call that only makes sense for somebody. Error: LOGIN_REQUIRED. */
export function requireCaller(call: Call): string {
  if (call.callerId) return call.callerId;
  throw refusal("LOGIN_REQUIRED");
}

/** One call for several: in the trace of the first, as long as the last may wait, and worth what the best is worth. */
export function mergeCalls(calls: readonly Call[]): Call {
  const rank = ({ priority = "normal" }: Call) => priorities.indexOf(priority);
  const { traceId, spanId, sampled, traceState } = calls[0]!;
  return {
    traceId,
    spanId,
    sampled,
    traceState,
    deadlineMs: Math.max(...calls.map(({ deadlineMs }) => deadlineMs)),
    priority: priorities[Math.max(...calls.map(rank))],
  };
}

const maxTimerMs = 2 ** 31 - 1;
/** How much may wait on one call's signal at once: Node.js takes more than that for a leak and warns, by itself above 10. */
const maxWaiting = 200;

/** A controller for a call, on which all the calls wait that are made to answer it. */
export function callController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(maxWaiting, controller.signal);
  return controller;
}

/**
 * Settles like `work`, or refuses with DEADLINE_EXCEEDED once the call's deadline has passed and with CALLER_GONE once
 * the caller is gone. Both fire the signal that `work` is given.
 */
export function withinDeadline<T>(call: Call, work: (served: ServedCall) => Promise<T>): Promise<T> {
  const leftMs = call.deadlineMs - Date.now();
  if (leftMs <= 0) return Promise.reject(deadlineExceeded());
  const { signal: caller } = call;
  if (caller?.aborted) return Promise.reject(caller.reason);
  return new Promise<T>((resolve, reject) => {
    const over = callController();
    const end = (why: unknown) => {
      leave();
      reject(why);
      over.abort(why);
    };
    const onGone = () => end(caller!.reason);
    caller?.addEventListener("abort", onGone, { once: true });
    // A timer that is set further ahead than it can count fires at once.
    const timer = setTimeout(() => end(deadlineExceeded()), Math.min(leftMs, maxTimerMs));
    /** What is left behind would keep the process from ending. */
    const leave = () => {
      clearTimeout(timer);
      caller?.removeEventListener("abort", onGone);
    };
    // Handlers may throw before they have promised anything.
    const begin = async () => work({ ...call, signal: over.signal });
    begin().then(resolve, reject).finally(leave);
  });
}

export function deadlineExceeded(): DomainError {
  // A commit may have been on its way.
  const words =
    "The answer took too long. A change may have been made all the same: look before you try again.";
  return refusal("DEADLINE_EXCEEDED", words);
}
