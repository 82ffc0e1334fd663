import { describe, expect, test } from "vitest";
import { checkContent, checkNotSelf, refusalOf } from "./rules.ts";

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
