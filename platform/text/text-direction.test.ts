import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { closeDirections, turnsDirection } from "./text-direction.ts";
import { checkText, type TextRule } from "./text-rules.ts";

const [LRE, RLE, PDF, LRO, RLO] = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e"];
const [LRI, RLI, FSI, PDI] = ["\u2066", "\u2067", "\u2068", "\u2069"];

describe("directions that a text opens", () => {
  test.each([
    [`${RLO}abc`, `${RLO}abc${PDF}`],
    [`a${LRE}b${RLE}c`, `a${LRE}b${RLE}c${PDF}${PDF}`],
    [`${RLI}abc`, `${RLI}abc${PDI}`],
    [`${FSI}a${LRO}b${LRI}c`, `${FSI}a${LRO}b${LRI}c${PDI}${PDF}${PDI}`],
    // Closing an isolate closes what was opened within it, and nothing opened before it.
    [`${RLI}a${RLO}b${PDI}c`, `${RLI}a${RLO}b${PDI}c`],
    [`${RLO}a${RLI}b${PDF}c${PDI}d`, `${RLO}a${RLI}bc${PDI}d${PDF}`],
    // Closing characters for directions that others opened.
    [`a${PDI}b${PDF}c`, "abc"],
    [`${PDI}${PDI}${RLO}x`, `${RLO}x${PDF}`],
    // Each line is closed by itself.
    [`${RLO}a\nb${PDF}`, `${RLO}a${PDF}\nb`],
  ])("%j is closed where it ends", (text, closed) => {
    expect(closeDirections(text)).toBe(closed);
  });

  test.each([
    "שלום, עולם!",
    "سلام دنیا",
    "می\u200cخواهم",
    "עברית \u200e(c)\u200f",
    "\u061cعربي",
    `${RLI}שלום${PDI} hello`,
    `${LRE}a${PDF}`,
    "❤️ 👨‍👩‍👧",
    "ശ്രീ ක්‍ෂ",
  ])("%j stays as it is", (text) => {
    expect(closeDirections(text)).toBe(text);
  });

  test("it does not change the direction of what follows", () => {
    const bits = fc.constantFrom(LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI, "a", "ש", "\n", "1");
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 40 }), (all) => {
        const closed = closeDirections(all.join(""));
        expect(closeDirections(closed)).toBe(closed);
        for (const line of closed.split("\n")) {
          const open: string[] = [];
          for (const character of line) {
            if ([LRE, RLE, LRO, RLO].includes(character)) open.push("embedding");
            if ([LRI, RLI, FSI].includes(character)) open.push("isolate");
            if (character === PDF) expect(open.pop()).toBe("embedding");
            if (character === PDI) {
              while (open.at(-1) === "embedding") open.pop();
              expect(open.pop()).toBe("isolate");
            }
          }
          expect(open).toEqual([]);
        }
      }),
    );
  });
});

describe("texts that are checked", () => {
  const name: TextRule = { label: "A name", reason: "NAME_INVALID", min: 1, max: 32, isName: true };
  const comment: TextRule = { label: "A comment", reason: "X", min: 1, max: 20, maxLineBreaks: 20 };

  test.each([LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI])("a name has no %j, open or not", (sign) => {
    const turning = expect.objectContaining({ message: expect.stringMatching(/direction of the text/) });
    for (const text of [`ada${sign}`, `${sign}ada`, `${RLI}ada${PDI}${sign}`])
      expect(() => checkText(text, name)).toThrow(turning);
    expect(turnsDirection(checkText(`${sign}a`, comment))).toBe(sign !== PDF && sign !== PDI);
  });

  test.each(["יעל כהן", "علی‌رضا", "ada❤️", "ശ്രീജിത്ത്", "\u200fעדה", "👩‍💻"])("%s is a name", (text) => {
    expect(checkText(text, name)).toBe(text);
  });

  test("what was ended counts, so that no text is longer than it may be", () => {
    expect(checkText(`${RLO}${"a".repeat(18)}`, comment)).toHaveLength(20);
    expect(() => checkText(`${RLO}${"a".repeat(19)}`, comment)).toThrow(/at most 20/);
    expect(() => checkText(`${PDI}${RLO}${PDF}`, comment)).toThrow(/must not be empty/);
  });
});
