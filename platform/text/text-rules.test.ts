import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { checkText, nameKey, type TextRule } from "./text-rules.ts";

const name: TextRule = { label: "A name", reason: "NAME_INVALID", min: 1, max: 32, identifies: true };
const title: TextRule = { label: "A title", reason: "TITLE_INVALID", min: 0, max: 200 };
const shown: TextRule = { ...name };
const refused = (message: RegExp) =>
  expect.objectContaining({ kind: "invalid", message: expect.stringMatching(message) });

describe("checkText", () => {
  test("trims and brings to NFC", () => {
    expect(checkText("  e\u0301\u3000", name)).toBe("\u00e9");
  });

  test("counts characters, not code units, after composing", () => {
    expect(checkText("😀".repeat(32), name)).toBe("😀".repeat(32));
    expect(checkText("e\u0301".repeat(32), name)).toBe("\u00e9".repeat(32));
    expect(() => checkText("😀".repeat(33), name)).toThrow(refused(/at most 32/));
  });

  test.each(["", " ", "\n\t", "\u3000\u00a0"])("%j is empty", (text) => {
    expect(() => checkText(text, name)).toThrow(refused(/must not be empty/));
    expect(checkText(text, title)).toBe("");
  });

  test("the label and the least length are named", () => {
    expect(() => checkText("ab", { ...name, min: 3 })).toThrow(
      refused(/^A name has at least 3 characters\.$/),
    );
  });

  test("10,000 characters, and ones that grow when composed, are refused", () => {
    expect(() => checkText("a".repeat(10_000), name)).toThrow(refused(/at most 32/));
    expect(() => checkText("\ufdfa".repeat(10_000), title)).toThrow(refused(/at most 200/));
    expect(() => checkText("\u0344".repeat(32), name)).toThrow(refused(/at most 32/));
    expect(() => checkText("\ufdfa".repeat(4), name)).toThrow(refused(/one may stand for many/));
    // Thai and German letters that are two in the form under which names are found.
    for (const letter of ["\u0e33", "\u00df"]) expect(checkText(letter.repeat(32), name)).toHaveLength(32);
  });

  test.each([
    ["a control character", "a\u0000b"],
    ["a tab", "a\tb"],
    ["a C1 control", "a\u0084b"],
    ["a lone high surrogate", "a\ud83db"],
    ["a lone low surrogate", "\ude00a"],
    ["no character at all", "a\uffffb"],
    ["no character of the Arabic forms", "a\ufdd0b"],
    ["no character of another plane", "a\u{1fffe}b"],
  ])("%s is refused everywhere", (_what, text) => {
    for (const rule of [name, title])
      expect(() => checkText(text, rule)).toThrow(refused(/control characters/));
  });

  test.each(["a\nb", "a\r\nb", "a\u0085b", "a\u2028b", "a\u2029b"])("%j is more than one line", (text) => {
    for (const rule of [name, title]) expect(() => checkText(text, rule)).toThrow(refused(/is one line/));
  });

  test("what this Node's tables do not know yet is taken: an emoji of next year, a new script, a private sign", () => {
    for (const text of ["\u{1faff}", "\u{1f8ff}", "\u{31350}", "\u{10940}", "\ue000", "\u{10fffd}", "\u0378"])
      for (const rule of [name, title]) expect(checkText(`a${text}`, rule)).toBe(`a${text}`);
  });

  test.each([
    ["a heart", "ada❤️"],
    ["a family", "👨‍👩‍👧‍👦"],
    ["a rainbow", "🏳️‍🌈"],
    ["a key", "1️⃣"],
    ["Scotland", "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} Isla"],
    ["Persian", "می‌خواهم"],
    ["Malayalam", "ന്‍റെ"],
    ["Sinhala", "ශ්‍රී"],
    ["Devanagari", "क्‍ष"],
    ["Mongolian", "ᠠ᠋"],
    ["an ideograph's variant", "葛\u{e0100}"],
  ])("%s may stand in a name", (_what, text) => {
    expect(checkText(text, name)).toBe(text);
  });

  test.each([
    ["zero-width space", "a\u200bb"],
    ["right-to-left override", "a\u202eb\u202c"],
    ["right-to-left mark", "a\u200fb"],
    ["isolate", "a\u2067b\u2069"],
    ["word joiner", "a\u2060b"],
    ["byte order mark", "a\ufeffb"],
    ["soft hyphen", "a\u00adb"],
    ["Hangul filler", "a\u3164b"],
    ["empty Braille", "a\u2800b"],
    ["grapheme joiner", "a\u034fb"],
    ["annotation", "a\ufff9b"],
    ["tag without a flag", "a\u{e0061}b"],
  ])("a %s is refused in names only", (_what, text) => {
    expect(() => checkText(text, name)).toThrow(refused(/invisible/));
    expect(checkText(text, title)).toBe(text);
  });

  test("where lines are allowed they end in one way, and other control characters are refused", () => {
    const letter: TextRule = { ...title, label: "A letter", maxLineBreaks: 5 };
    expect(checkText("\n a\r\nb\rc\u0085d\u2028e\u2029f\tg\n", letter)).toBe("a\nb\nc\nd\ne\nf\tg");
    expect(checkText("\n\r\n\t", { ...letter })).toBe("");
    for (const text of ["a\u0000b", "a\u001bb", "a\u000bb", "\ud83d"])
      expect(() => checkText(text, letter)).toThrow(
        refused(/^A letter must not contain control characters\.$/),
      );
  });

  test("so many line breaks as the rule says, however they are written", () => {
    const letter: TextRule = { ...title, maxLineBreaks: 3 };
    expect(checkText("a\r\nb\rc\nd\r\n", letter)).toBe("a\nb\nc\nd");
    for (const text of ["a\nb\nc\nd\ne", "a\r\n\r\n\r\n\r\nb", "a\u2028b\u2028c\u2028d\u2028e"])
      expect(() => checkText(text, letter)).toThrow(refused(/^A title has at most 3 line breaks\.$/));
  });

  test.each(["👨‍👩‍👧‍👦", "❤️‍🔥", "می‌خواهم", "\u202bשלום\u202c"])("%s may stand in a title", (text) => {
    expect(checkText(text, title)).toBe(text);
  });

  test.each([
    ["byte order marks", `\u2800${"\ufeff".repeat(200)}a`],
    ["blanks", `a${" ".repeat(200)}a`],
    ["joiners", `a${"\u200d".repeat(200)}a`],
  ])("a run of %s is read once", (_what, text) => {
    expect(() => checkText(text, shown)).toThrow(refused(/at most 32/));
    expect(() => checkText(text, name)).toThrow(refused(/at most 32/));
  });

  test.each([
    "\u200b",
    "\u200d \u2800",
    "\u3164",
    "\ufe0f\u{e0100}",
  ])("%j shows nothing, so it is no name", (text) => {
    expect(() => checkText(text, shown)).toThrow(refused(/must not be empty/));
  });

  test("what was accepted is accepted again and stays as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        for (const rule of [name, title]) {
          let clean: string;
          try {
            clean = checkText(text, rule);
          } catch (error) {
            expect(error).toEqual(refused(/./));
            continue;
          }
          expect(checkText(clean, rule)).toBe(clean);
        }
      }),
    );
  });
});

describe("nameKey", () => {
  test.each([
    ["Zoé", "zoe\u0301"],
    ["ＡＢＣ", "abc"],
    ["İstanbul", "i\u0307stanbul"],
    ["ΟΔΟΣ", "οδοσ"],
    ["οδός", "ΟΔΌΣ"],
    ["Straße", "STRASSE"],
    ["Straße", "STRAẞE"],
    ["ﬁlm", "FILM"],
    ["ｶﾞ", "ガ"],
    ["①", "1"],
    ["a\u00a0b", "a b"],
    ["ada❤️", "ada❤"],
    ["a\u200dda", "ada"],
    ["e\u200c\u0301", "é"],
    ["می‌خواهم", "میخواهم"],
  ])("%s and %s are the same name", (one, other) => expect(nameKey(one)).toBe(nameKey(other)));

  test.each([
    ["zoe", "zoé"],
    ["か", "が"],
    ["a", "а"],
    ["a b", "ab"],
  ])("%s and %s are two", (one, other) => expect(nameKey(one)).not.toBe(nameKey(other)));

  const cased = fc.constantFrom(..."aZéÉσςΣßẞİıiIſﬁΌόǅꭰᏰ", "\u0301", "\u0307", "\u0345", "\u200d", "\ufe0f");
  const unit = fc.oneof(cased, fc.string({ unit: "binary", minLength: 1, maxLength: 1 }));
  test("neither case nor form changes it, and it is its own key", () => {
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 20 }), (typed) => {
        // In the stored form; before that, capitals of some marks swap places with others.
        const text = typed.normalize("NFC");
        const key = nameKey(typed);
        expect(nameKey(key)).toBe(key);
        for (const form of ["NFC", "NFD", "NFKC", "NFKD"]) expect(nameKey(text.normalize(form))).toBe(key);
        expect(nameKey(text.toLowerCase())).toBe(key);
        expect(nameKey(text.toUpperCase())).toBe(key);
      }),
    );
  });
});
