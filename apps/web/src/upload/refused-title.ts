import { isTransient } from "../api/client.ts";
import type { Problem } from "../api/problem.ts";
import type { Dictionary } from "../i18n/dictionary.ts";

/** The title for a failed upload; the reason is shown below it. */
export function refusedTitle(t: Dictionary, problem: Problem | null): string {
  if (problem?.status === 0 || problem?.status === 408) return t.refusedNetwork;
  return isTransient(problem) ? t.refusedBusy : t.refusedTitle;
}
