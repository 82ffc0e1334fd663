/** Right-to-left letters, and characters that change the direction. */
const TURNS =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const SIGNS = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * A name or another text of a person within one of our sentences, isolated so that it does not change the direction
 * of the rest.
 */
export function isolate(text: string): string {
  return TURNS.test(text) ? `\u2068${text.replace(SIGNS, "")}\u2069` : text;
}

/** The dictionary with its inserted texts isolated. */
export function isolating<Texts extends object>(dictionary: Texts): Texts {
  const wrap = (value: unknown): unknown => {
    if (typeof value === "function")
      return (...parts: unknown[]) =>
        value(...parts.map((part) => (typeof part === "string" ? isolate(part) : part)));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, wrap(inner)]));
  };
  return wrap(dictionary) as Texts;
}
