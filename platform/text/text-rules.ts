import { DomainError } from "../errors/domain-error.ts";

/** Control, surrogate, private and unassigned characters, and line and paragraph separators. */
const unprintable = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;
/** All that Unicode and old systems end a line with. */
const lineEnd = /\r\n?|[\u0085\u2028\u2029]/g;
/** Characters that are not seen, but change how others are shown: zero-width, joiners, selectors, direction marks. */
const invisible = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u{2800}]/u;
/** One class: alternatives that share a character (U+FEFF is in both) would be tried in 2ⁿ ways. */
const visible = /[^\p{Cf}\p{Default_Ignorable_Code_Point}\u{2800}\s]/u;

export interface TextRule {
  /** What it is called in messages: "A title". */
  label: string;
  reason: string;
  min: number;
  /** In characters as Unicode counts them (code points). */
  max: number;
  /** Joiners and direction marks, which emoji and right-to-left scripts need. */
  allowInvisible?: boolean;
  /** Line breaks, which all become "\n", and tabs. */
  allowLines?: boolean;
}

/**
 * Trims a text, brings it to Unicode's form NFC and checks it. Error: the rule's reason, with a message that
 * says what is wrong.
 */
export function checkText(text: string, rule: TextRule): string {
  const refuse = (why: string) => new DomainError("invalid", rule.reason, `${rule.label} ${why}.`);
  // A normal form can grow a text many times over, so the length is looked at before and after.
  if (text.length > rule.max * 8) throw refuse(`has at most ${rule.max} characters`);
  const lines = rule.allowLines ? text.replace(lineEnd, "\n") : text;
  const clean = lines.normalize("NFC").trim();
  const length = rule.min > 0 && !visible.test(clean) ? 0 : [...clean].length;
  if (length < rule.min)
    throw refuse(rule.min === 1 ? "must not be empty" : `has at least ${rule.min} characters`);
  if (length > rule.max) throw refuse(`has at most ${rule.max} characters`);
  if (unprintable.test(rule.allowLines ? clean.replace(/[\n\t]/g, "") : clean))
    throw refuse(`must not contain control characters${rule.allowLines ? "" : " or line breaks"}`);
  if (!rule.allowInvisible && invisible.test(clean)) throw refuse("must not contain invisible characters");
  return clean;
}

/**
 * The form under which names are the same: without regard to case, width and Unicode form. There and back, since
 * letters meet in one case that are apart in the other (σ and ς, ß and ẞ and ss).
 */
export function nameKey(name: string): string {
  return name.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");
}
