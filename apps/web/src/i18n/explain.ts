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
  if (reason.endsWith("_UNAVAILABLE")) return t.reasons.UNAVAILABLE;
  // A reason that is not known here is no mistake of the server's where it says that it passes.
  const passes = status === 502 || status === 503 || status === 504;
  const said = passes ? t.reasons.UNAVAILABLE : status >= 500 ? t.reasons.INTERNAL : message;
  return explainReason(t, reason, said);
}
