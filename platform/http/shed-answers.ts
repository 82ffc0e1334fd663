import type { IncomingMessage, ServerResponse } from "node:http";
import { refusal } from "../errors/reasons.ts";
import { answerBeforeEnd } from "./answer-before-end.ts";
import type { RefusalForm, RefusalForms } from "./refusals.ts";

/** Where the trace id stands in a prepared body. */
const mark = "0123456789abcdef";

interface Prepared {
  status: number;
  head: string[];
  body: string[];
}

/** Answers that are held at once; each is a few kilobytes. Further ones go out at once. */
const maxHeld = 5_000;
const turnMs = 20;

interface Shed {
  traceId: string;
  /** When to come back. */
  retryAfterMs: number;
  /** How long to hold the answer. */
  holdMs: number;
}

/** Answers OVERLOADED to requests for which nothing else is done. */
export type ShedAnswers = (request: IncomingMessage, response: ServerResponse, shed: Shed) => void;

/**
 * Each answer is prepared once for each form and each time to come back: turning away must cost next to nothing, or it
 * takes what it is to save.
 */
export function shedAnswers(forms: RefusalForms, headers: Record<string, string>): ShedAnswers {
  /** Nearly in the order in which they are due. */
  const held: { dueMs: number; send: () => void }[] = [];
  let isTimed = false;
  const prepared = new Map<RefusalForm, Map<number, Prepared>>();

  function prepare(form: RefusalForm, seconds: number): Prepared {
    const { status, type, body } = form(refusal("OVERLOADED", undefined, seconds * 1000), mark);
    const all = { ...headers, "content-type": type, "retry-after": String(seconds) };
    return { status, head: Object.entries(all).flat(), body: JSON.stringify(body).split(mark) };
  }

  function sendHeld(): void {
    const now = performance.now();
    const later = held.findIndex(({ dueMs }) => dueMs > now);
    for (const { send } of held.splice(0, later < 0 ? held.length : later)) send();
    isTimed = held.length > 0;
    if (isTimed) setTimeout(sendHeld, turnMs);
  }

  return (request, response, { traceId, retryAfterMs, holdMs }) => {
    const form = forms.of(request.url ?? "");
    const ofForm = prepared.get(form) ?? new Map<number, Prepared>();
    prepared.set(form, ofForm);
    const seconds = Math.ceil(retryAfterMs / 1000);
    const { status, head, body } = ofForm.get(seconds) ?? prepare(form, seconds);
    if (!ofForm.has(seconds)) ofForm.set(seconds, { status, head, body });
    const text = body.join(traceId);
    const send = () => {
      if (response.destroyed) return;
      if (!request.complete) answerBeforeEnd(request, response);
      response.writeHead(status, [...head, "content-length", String(Buffer.byteLength(text))]);
      response.end(text);
    };
    if (holdMs === 0 || held.length >= maxHeld) return send();
    held.push({ dueMs: performance.now() + holdMs, send });
    if (!isTimed) setTimeout(sendHeld, turnMs);
    isTimed = true;
  };
}
