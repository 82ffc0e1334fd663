import { asProblem } from "../api/problem.ts";
import type { Dictionary } from "./dictionary.ts";

/** Words for a stable reason; `said` (the server's own sentence) when we have none. */
export function explainReason(t: Dictionary, reason: string, said: string): string {
  const words = (t.reasons as Record<string, string>)[reason];
  if (!words?.includes("{limit}")) return words ?? said;
  const limit = /\d+/.exec(said)?.[0];
  return limit ? words.replace("{limit}", limit) : said;
}

export function explain(t: Dictionary, error: unknown): string {
  const { reason, status, message } = asProblem(error);
  if (reason.endsWith("_UNAVAILABLE") || reason === "HTTP_502" || reason === "HTTP_503") {
    return t.reasons.UNAVAILABLE;
  }
  return explainReason(t, reason, status >= 500 ? t.reasons.INTERNAL : message);
}
