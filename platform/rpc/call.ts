import { setMaxListeners } from "node:events";
import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { colourOf, newTraceId, type TraceContext, withoutColour } from "../observe/trace-context.ts";
import { onAbort } from "../protect/on-abort.ts";

/** The priority of the answer under overload: play and session checks; everything else; what can be left out. */
export const priorities = ["sheddable", "normal", "essential"] as const;
export type Priority = (typeof priorities)[number];
export const priorityRank = (priority: Priority = "normal"): number => priorities.indexOf(priority);

/** What every call carries, on both links: caller, deadline, priority and trace. */
export interface Call extends TraceContext {
  /** The person on whose behalf the call is made; absent for guests and for work of the system itself. */
  readonly callerId?: string | undefined;
  /** Whether that person may moderate; as fresh as the check of their session. */
  readonly moderator?: boolean | undefined;
  /** By whom admission ranks the call; see `askerOf`. */
  readonly asker?: string | undefined;
  /** Unix milliseconds; nobody waits for the answer after it. A callee never gets more than its caller has left. */
  readonly deadlineMs: number;
  /** Fires when nobody waits for the answer any more: at the deadline, or earlier if the caller is gone. */
  readonly signal?: AbortSignal | undefined;
  /** Normal if absent. */
  readonly priority?: Priority | undefined;
}

/** A call as a handler gets it: long work for it ends when its signal fires. */
export interface ServedCall extends Call {
  readonly signal: AbortSignal;
}

/** The caller of a call that needs one. Error: LOGIN_REQUIRED. */
export function requireCaller(call: Call): string {
  if (call.callerId) return call.callerId;
  throw refusal("LOGIN_REQUIRED");
}

/** The caller of a call that only moderators may make. Errors: LOGIN_REQUIRED, MODERATORS_ONLY. */
export function requireModerator(call: Call): string {
  const callerId = requireCaller(call);
  if (call.moderator !== true) throw refusal("MODERATORS_ONLY");
  return callerId;
}

/** The asker of a request of somebody without a name, which so takes its chance; what is tried again is let in at last. */
export const chanceAsker = newTraceId;

/** By whom admission ranks a call: whom the gateway named for the request, else the caller; who is nobody takes a chance. */
export function askerOf({ asker, callerId }: Call): string {
  return asker || callerId || chanceAsker();
}

/**
 * One call for several: in the trace of the first and ranked as that, with the latest deadline and the highest priority, and with a colour
 * only if all have the same.
 */
export function mergeCalls(calls: readonly Call[]): Call {
  const { traceId, spanId, sampled, traceState } = calls[0]!;
  const sameColour = calls.every((call) => colourOf(call.traceId) === colourOf(traceId));
  return {
    traceId: sameColour ? traceId : withoutColour(traceId),
    spanId,
    sampled,
    traceState,
    asker: askerOf(calls[0]!),
    deadlineMs: Math.max(...calls.map(({ deadlineMs }) => deadlineMs)),
    priority: priorities[Math.max(...calls.map(({ priority }) => priorityRank(priority)))],
  };
}

const maxTimerMs = 2 ** 31 - 1;
/** How many listeners one call's signal may have: Node.js warns of a leak above this number, by default above 10. */
const maxWaiting = 200;

/** A controller for a call, for all the calls that are made to answer it. */
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
  const over = callController();
  return settleWithin(
    call,
    () => work({ ...call, signal: over.signal }),
    (why) => over.abort(why),
  );
}

/** Whether nobody waits any more. Polled, not awaited: an AbortSignal, or a plain object with the same two fields. */
export interface Waited {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/**
 * The same for work that is shared, like a batch: it does not end with one of its callers, but polls whether any of
 * them still waits. A plain object costs a hundredth of a signal, and a page waits for ten batches.
 */
export function waitWithinDeadline<T>(
  call: Call,
  work: (waited: { readonly signal: Waited }) => Promise<T>,
): Promise<T> {
  const signal = { aborted: false, reason: undefined as unknown };
  return settleWithin(
    call,
    () => work({ signal }),
    (why) => {
      signal.aborted = true;
      signal.reason = why;
    },
  );
}

function settleWithin<T>(call: Call, work: () => Promise<T>, onOver: (why: unknown) => void): Promise<T> {
  const leftMs = call.deadlineMs - Date.now();
  if (leftMs <= 0) return Promise.reject(deadlineExceeded());
  const { signal: caller } = call;
  if (caller?.aborted) return Promise.reject(caller.reason);
  return new Promise<T>((resolve, reject) => {
    const end = (why: unknown) => {
      leave();
      reject(why);
      onOver(why);
    };
    const stop = caller && onAbort(caller, () => end(caller.reason));
    // A timer beyond its maximum would fire at once.
    const timer = setTimeout(() => end(deadlineExceeded()), Math.min(leftMs, maxTimerMs));
    /** Anything left behind would keep the process alive. */
    const leave = () => {
      clearTimeout(timer);
      stop?.();
    };
    // Handlers may throw synchronously.
    const begin = async () => work();
    begin().then(
      (answer) => {
        leave();
        resolve(answer);
      },
      (error) => {
        leave();
        reject(error);
      },
    );
  });
}

export function deadlineExceeded(): DomainError {
  // A commit may have been on its way, which the sentence says.
  return refusal("DEADLINE_EXCEEDED");
}
