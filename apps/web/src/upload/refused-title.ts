import { isTransient } from "../api/client.ts";
import type { Problem } from "../api/problem.ts";
import type { Dictionary } from "../i18n/dictionary.ts";

/** What became of a file that did not get through; the reason stands below it. */
export function refusedTitle(t: Dictionary, problem: Problem | null): string {
  if (problem?.status === 0 || problem?.status === 408) return t.refusedNetwork;
  return isTransient(problem) ? t.refusedBusy : t.refusedTitle;
}
