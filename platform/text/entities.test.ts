import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testSeed } from "#platform/testing/random.ts";
import { entitiesOf, maxEntities, mentionedNames } from "./entities.ts";

const parts = (text: string) => entitiesOf(text).map(({ start, end }) => text.slice(start, end));

describe("entitiesOf", () => {
  test.each([
    ["#cats and #dogs2", ["#cats", "#dogs2"]],
    ["看#猫咪#狗狗，今天＃日常。", ["#猫咪", "#狗狗", "＃日常"]],
    ["😀#cats 👩‍🚀@ada", ["#cats", "@ada"]],
    ["thanks @ada.l, @ben. @cai-!", ["@ada.l", "@ben", "@cai"]],
    ["mail ada@example.org, C#, a#b, &#39; https://x.org/#top", []],
    ["#1 #2024 #_ #1st", ["#1st"]],
    ["##double #a#b @@ada # @", ["#a"]],
    [`#${"x".repeat(100)} #${"x".repeat(101)}`, [`#${"x".repeat(100)}`]],
    ["#हिन्दी #עברית", ["#हिन्दी", "#עברית"]],
  ])("%j has %j", (text, expected) => {
    expect(parts(text)).toEqual(expected);
  });

  test("counts UTF-16 code units", () => {
    expect(entitiesOf("😀 @Ada")).toEqual([{ kind: "mention", start: 3, end: 7, name: "Ada" }]);
  });

  test("names mentioned people once, whatever the case", () => {
    expect(mentionedNames("@Ada @ADA #ada", "@ben")).toEqual(["ada", "ben"]);
  });

  test("entities of any text are apart, in order, inside it, and begin with a sign", () => {
    const text = fc.string({ unit: fc.constantFrom(..."#@＃＠ab1_.-/ 猫\n😀"), maxLength: 300 });
    fc.assert(
      fc.property(text, (any) => {
        const entities = entitiesOf(any);
        expect(entities.length).toBeLessThanOrEqual(maxEntities);
        let last = 0;
        for (const { start, end, name } of entities) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(any.slice(start, end)).toMatch(/^[#@＃＠]/);
          expect(any.slice(start + 1, end)).toBe(name);
          last = end;
        }
      }),
      { seed: testSeed("entities"), numRuns: 500 },
    );
  });
});
