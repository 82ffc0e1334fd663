import type { Dictionary } from "./dictionary.ts";

/** Letters that are written from right to left, and signs that turn the direction. */
const TURNS =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const SIGNS = /[\u202a-\u202e\u2066-\u2069]/g;

/** A name, or what else somebody wrote, as it stands within a sentence of ours without turning the rest of it. */
export function isolate(text: string): string {
  return TURNS.test(text) ? `\u2068${text.replace(SIGNS, "")}\u2069` : text;
}

/** The dictionary whose sentences keep apart what is put into them. */
export function isolating(dictionary: Dictionary): Dictionary {
  const wrap = (value: unknown): unknown => {
    if (typeof value === "function")
      return (...parts: unknown[]) =>
        value(...parts.map((part) => (typeof part === "string" ? isolate(part) : part)));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, wrap(inner)]));
  };
  return wrap(dictionary) as Dictionary;
}
