import { asProblem } from "../api/problem.ts";
import type { Dictionary } from "./dictionary.ts";

/** Words for a stable reason; `fallback` (the server's own sentence) when the reason is new to us. */
export function explainReason(t: Dictionary, reason: string, fallback: string): string {
  return (t.reasons as Record<string, string>)[reason] ?? fallback;
}

export function explain(t: Dictionary, error: unknown): string {
  const problem = asProblem(error);
  if (problem.status === 429) return t.reasons.RATE_LIMITED;
  const fallback = problem.status >= 500 ? t.reasons.INTERNAL : problem.message;
  return explainReason(t, problem.reason, fallback);
}
