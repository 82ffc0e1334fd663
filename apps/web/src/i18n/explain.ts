import { asProblem } from "../api/problem.ts";
import type { Dictionary } from "./dictionary.ts";

/** The text for a reason; `said` (the server's own sentence) if there is none. */
export function explainReason(t: Dictionary, reason: string, said: string): string {
  return wordsFor(t, reason, said, said, t.tryAgainSoon);
}

/** The text for the reason of a try that another one follows by itself: nobody need do anything. */
export function explainTry(t: Dictionary, reason: string, said: string): string {
  return wordsFor(t, reason, said, said, "").trim();
}

/** The text for an error, with the time to retry if the server said it; `waitMs` is what is left of it. */
export function explain(t: Dictionary, error: unknown, waitMs = asProblem(error).retryAfterMs): string {
  const { reason, status, message } = asProblem(error);
  const again = waitMs ? t.tryAgainIn(waitMs) : t.tryAgainSoon;
  const known = reason.endsWith("_UNAVAILABLE") ? "UNAVAILABLE" : reason;
  const words = wordsFor(t, known, message, unknown(t, status) ?? message, again);
  const isBusy = status === 429 || status === 503;
  return isBusy && waitMs && !words.includes(again) ? t.sentences(words, again) : words;
}

function wordsFor(t: Dictionary, reason: string, said: string, otherwise: string, again: string): string {
  const words = (t.reasons as Record<string, string>)[reason] ?? otherwise;
  if (!words.includes("{limit}")) return words.replace("{again}", again);
  const [limit, second] = said.match(/\d+/g) ?? [];
  if (!limit || (words.includes("{second}") && !second)) return said;
  return words.replace("{limit}", limit).replace("{second}", second ?? "");
}

/** For an unknown reason: a transient status is no mistake of the server's. */
function unknown(t: Dictionary, status: number): string | undefined {
  if (status === 429) return t.reasons.TOO_MANY_REQUESTS;
  if (status === 502 || status === 503 || status === 504) return t.reasons.UNAVAILABLE;
  return status >= 500 ? t.reasons.INTERNAL : undefined;
}
