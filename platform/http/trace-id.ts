import { randomUUID } from "node:crypto";

/** The trace that a request belongs to (W3C trace context), or a new one. */
export function traceIdOf(traceparent: string | string[] | undefined): string {
  const given = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-/.exec(String(traceparent ?? ""))?.[1];
  return given ?? newTraceId();
}

export function newTraceId(): string {
  // Node keeps random bytes for UUIDs in store; asking for them one by one costs ten times as much.
  return randomUUID().replaceAll("-", "");
}
