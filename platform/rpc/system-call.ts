import { newTraceId } from "../observe/trace-context.ts";
import type { Call } from "./call.ts";

const timeoutMs = 20_000;

/** A call without a caller, for background work that can be repeated later. */
export function systemCall({ traceId, signal }: Partial<Pick<Call, "traceId" | "signal">> = {}): Call {
  return {
    traceId: traceId ?? newTraceId(),
    deadlineMs: Date.now() + timeoutMs,
    signal,
    priority: "sheddable",
  };
}
