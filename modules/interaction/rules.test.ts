import { describe, expect, test } from "vitest";
import { checkComment, mayDelete, parseCursor } from "./rules.ts";

const refused = (reason: string) => expect.objectContaining({ kind: "invalid", reason });

describe("checkComment", () => {
  test("accepts 1 to 500 characters as people count them, and 20 line breaks", () => {
    expect(checkComment("  hi 👩‍👧 ")).toBe("hi 👩‍👧");
    expect(checkComment("😀".repeat(500))).toHaveLength(1000);
    expect(checkComment(`a${"\r\n".repeat(20)}b`)).toBe(`a${"\n".repeat(20)}b`);
    for (const text of ["", " ", "😀".repeat(501), `a${"\n".repeat(21)}b`, "a\u0007b"])
      expect(() => checkComment(text)).toThrow(refused("COMMENT_INVALID"));
  });
});

describe("parseCursor", () => {
  test("accepts as many numbers as the list has, or none", () => {
    expect(parseCursor("", 3)).toBeUndefined();
    expect(parseCursor("12-0-999999999999999999", 3)).toEqual(["12", "0", "999999999999999999"]);
    for (const cursor of ["12", "1-2-3-4", "1--3", "1-2-x", "1-2--3", "1-2-1000000000000000000"])
      expect(() => parseCursor(cursor, 3)).toThrow(refused("CURSOR_INVALID"));
  });
});

test("a comment is deleted by its author and by the video's", () => {
  expect(mayDelete({ callerId: "1" }, "1", "2")).toBe(true);
  expect(mayDelete({ callerId: "2" }, "1", "2")).toBe(true);
  expect(mayDelete({ callerId: "3", moderator: false }, "1", "2")).toBe(false);
  expect(mayDelete({ callerId: "3", moderator: true }, "1", "2")).toBe(true);
});
