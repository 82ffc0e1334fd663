import { describe, expect, test } from "vitest";
import { checkContent, checkEmoji, checkNotSelf, refusalOf } from "./rules.ts";

const refused = (reason: string) => expect.objectContaining({ reason });

describe("checkContent", () => {
  test("keeps lines, tabs and joined emoji, trimmed and in one form", () => {
    expect(checkContent(" a\r\n\r\n\tb 👩‍👧 e\u0301\n")).toBe("a\n\n\tb 👩‍👧 \u00e9");
    expect(checkContent("😀".repeat(2000))).toHaveLength(4000);
  });
  test.each([
    ["nothing", ""],
    ["nothing that shows", " \n\u200b\u3164"],
    ["2,001 characters", "a".repeat(2001)],
    ["a null character", "a\u0000b"],
    ["half a character", "a\ud83d"],
  ])("%s is refused", (_what, content) => {
    expect(() => checkContent(content)).toThrow(refused("MESSAGE_INVALID"));
  });
});

describe("checkEmoji", () => {
  test.each([
    "👍",
    "👍🏽",
    "❤️",
    "🇨🇳",
    "1️⃣",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "🏳️‍🌈",
    "👨‍👩‍👧‍👦",
    "👩🏽‍❤️‍💋‍👨🏿",
    "🕵️‍♂️",
    "🏃🏽‍♀️‍➡️",
    "👁️‍🗨️",
    "☝🏽",
    "⛓️‍💥",
  ])("%s is one, as it is", (emoji) => {
    expect(checkEmoji(emoji)).toBe(emoji);
  });
  test.each([
    ["\u2764", "\u2764\ufe0f"],
    ["\u{1f44d}\ufe0f", "\u{1f44d}"],
    ["\u{1f441}\u200d\u{1f5e8}", "\u{1f441}\ufe0f\u200d\u{1f5e8}\ufe0f"],
  ])("what looks the same is the same", (emoji, same) => {
    expect(checkEmoji(emoji)).toBe(same);
  });
  test.each([
    ["a joiner at the end", "\u{1f44d}\u200d"],
    ["two selectors", "\u{1f44d}\ufe0f\ufe0f"],
    ["a tag that nobody sees", "\u{1f44d}\u{e0041}"],
    ["tags of no flag", "\u{1f3f4}\u{e0078}\u{e007f}"],
    ["words", "\u2764\ufe0e"],
    ["half a flag", "\u{1f1e8}"],
    ["two", "👍👍"],
    ["a digit", "1"],
    ["a joiner", "\u200d"],
  ])("%s is refused", (_what, emoji) => {
    expect(() => checkEmoji(emoji)).toThrow(refused("REACTION_INVALID"));
  });
});

test("nobody writes to themselves", () => {
  expect(() => checkNotSelf("1", "1")).toThrow(refused("WRITES_TO_SELF"));
  checkNotSelf("1", "2");
});

describe("refusalOf", () => {
  test.each([
    [0, false, false, undefined],
    [2, false, false, undefined],
    [3, false, false, "STRANGER_LIMIT"],
    [3, true, false, undefined],
    [3, false, true, undefined],
    [9, true, true, undefined],
  ])("after %i to a stranger, friends %s, answered %s: %s", (toStranger, friends, answered, reason) => {
    expect(refusalOf({ toStranger, friends, answered })?.reason).toBe(reason);
  });
});
