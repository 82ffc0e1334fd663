import { DomainError } from "../errors/domain-error.ts";
import { closeDirections, turnsDirection } from "./text-direction.ts";

/**
 * What no text may contain. Only properties that Unicode never changes: a character that this Node's tables do not
 * know is a new emoji, not a mistake.
 */
const unprintable = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
/** Everything that Unicode and old systems end a line with. */
const lineEnd = /\r\n?|[\u0085\u2028\u2029]/g;
/** One class: alternatives that share a character (U+FEFF is in both) would be tried in 2ⁿ ways. */
const visible = /[^\p{Default_Ignorable_Code_Point}\u{2800}\u{fff9}-\u{fffb}\s]/u;
/**
 * Invisible characters that make two names look the same, or one look like another. Joiners, which Persian, Malayalam
 * and Sinhala need, and variation selectors, which emoji need, are allowed; so are the tags of flags.
 */
const disguise =
  /(?![\u200c\u200d]|\p{Variation_Selector})[\p{Default_Ignorable_Code_Point}\u{2800}\u{fff9}-\u{fffb}]/u;
const regionalFlag = /\u{1f3f4}[\u{e0030}-\u{e007a}]{1,9}\u{e007f}/gu;
const ignorable = /\p{Default_Ignorable_Code_Point}/gu;

export interface TextRule {
  /** Its name in messages: "A title". */
  label: string;
  reason: string;
  min: number;
  /** In Unicode code points. */
  max: number;
  /** Whether people are recognised by it, so that nothing may be hidden in it, and its key is no longer than twice as much. */
  identifies?: boolean;
  /** Whether it appears within other text, so that it must not change its direction. */
  isName?: boolean;
  /** The most line breaks, which all become "\n"; tabs are allowed with them. Without it none. */
  maxLineBreaks?: number;
}

/**
 * Trims a text, normalizes it to NFC, closes opened directions, and checks it. Error: the rule's reason, with a
 * message that says what is wrong.
 */
export function checkText(text: string, rule: TextRule): string {
  const refuse = (why: string) => new DomainError("invalid", rule.reason, `${rule.label} ${why}.`);
  // Normalization can grow a text many times over, so the length is checked before and after.
  if (text.length > rule.max * 8) throw refuse(`has at most ${rule.max} characters`);
  const allowed = rule.maxLineBreaks ?? 0;
  const trimmed = (allowed > 0 ? oneLineEnd(text) : text).normalize("NFC").trim();
  const clean = closeDirections(trimmed);
  const length = rule.min > 0 && !visible.test(clean) ? 0 : [...clean].length;
  if (length < rule.min)
    throw refuse(rule.min === 1 ? "must not be empty" : `has at least ${rule.min} characters`);
  if (length > rule.max) throw refuse(`has at most ${rule.max} characters`);
  // ﷺ is eighteen letters in the form under which names are found and kept.
  if (rule.identifies && [...nameKey(clean)].length > 2 * rule.max)
    throw refuse(`has at most ${rule.max} characters, of which one may stand for many`);
  if (allowed === 0 && /[\n\r\u0085\u2028\u2029]/.test(clean))
    throw refuse("is one line, without line breaks");
  if (unprintable.test(allowed > 0 ? clean.replace(/[\n\t]/g, "") : clean))
    throw refuse("must not contain control characters");
  if (clean.split("\n", allowed + 2).length > allowed + 1) throw refuse(`has at most ${allowed} line breaks`);
  if (rule.isName && turnsDirection(trimmed))
    throw refuse("must not contain signs that turn the direction of the text");
  if (rule.identifies && disguise.test(clean.replace(regionalFlag, "")))
    throw refuse("must not contain invisible characters");
  return clean;
}

/** The same text with every line ended by "\n". */
export function oneLineEnd(text: string): string {
  return text.replace(lineEnd, "\n");
}

/**
 * The form under which names are equal: without regard to case, width, Unicode form and invisible characters. Lower,
 * upper and lower again, since some letters are equal only in one case (σ and ς, ß and ẞ and ss).
 */
export function nameKey(name: string): string {
  const seen = name.normalize("NFKC").replace(ignorable, "");
  return seen.toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");
}
