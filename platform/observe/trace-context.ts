import { randomFillSync } from "node:crypto";

/**
 * Which trace something belongs to, as W3C trace context says it (https://www.w3.org/TR/trace-context/). We record no
 * spans, so what comes in goes on unchanged.
 */
export interface TraceContext {
  /** 32 hex digits, and for traffic of a colour that; see `inColour`. */
  readonly traceId: string;
  /** The span that asked: 16 hex digits. */
  readonly spanId?: string | undefined;
  /** Whether the caller records this trace. */
  readonly sampled?: boolean | undefined;
  /** What tracing systems add for themselves. */
  readonly traceState?: string | undefined;
}

/** Version 00, or a later one that has more at its end. */
const form =
  /^(?:00(?=.{53}$)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
/** What a longer state says is dropped, as the standard allows; gRPC throws on one that is not printable ASCII. */
const stateForm = /^[ -~]{1,512}$/;

type Header = string | string[] | undefined;

/** Reads the headers `traceparent` and `tracestate`; without a valid parent it is a new trace. */
export function readTraceContext(traceparent: Header, tracestate?: Header): TraceContext {
  const [, traceId, spanId, flags] = form.exec(String(traceparent ?? "")) ?? [];
  if (!traceId) return { traceId: newTraceId() };
  const traceState = String(tracestate ?? "");
  return {
    traceId,
    spanId,
    sampled: (Number.parseInt(flags!, 16) & 1) === 1,
    traceState: stateForm.test(traceState) ? traceState : undefined,
  };
}

/** The header `traceparent` of a call that belongs to this trace. */
export function traceparent({ traceId, spanId = newTraceId().slice(16), sampled }: TraceContext): string {
  return `00-${withoutColour(traceId)}-${spanId}-${sampled ? "01" : "00"}`;
}

const traceIdBytes = 16;
/** A pool of random bytes: asking for them one by one costs ten times as much. */
const pool = Buffer.alloc(256 * traceIdBytes);
let used = pool.length;

export function newTraceId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += traceIdBytes;
  return pool.toString("hex", used - traceIdBytes, used);
}

/**
 * The trace of traffic that has a colour, which goes with it wherever the trace goes: through calls, events and jobs,
 * so that one version of the program can be tried on the traffic of a few.
 */
export function inColour(traceId: string, colour: string | undefined): string {
  return colour ? `${traceId}~${colour}` : traceId;
}

export function colourOf(traceId: string): string | undefined {
  return traceId.split("~")[1];
}

export function withoutColour(traceId: string): string {
  return traceId.split("~")[0]!;
}
