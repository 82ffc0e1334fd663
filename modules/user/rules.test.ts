import { describe, expect, test } from "vitest";
import {
  checkName,
  checkPassword,
  checkSignature,
  checkUsername,
  judgeRefresh,
  refreshGraceMs,
} from "./rules.ts";

const refused = (reason: string) => expect.objectContaining({ kind: "invalid", reason });

describe("passwords", () => {
  test.each([
    "12345",
    "a".repeat(32),
    "豆芽豆芽豆",
    "😀".repeat(32),
    "  a  ",
    "tab\tin it",
  ])("%j is one", (password) => {
    expect(checkPassword(password)).toBe(password);
  });
  test("Unicode forms are the same password", () => {
    expect(checkPassword("caf\u0065\u0301s")).toBe("caf\u00e9s");
  });
  test.each([
    "",
    "1234",
    "a".repeat(33),
    "😀😀😀😀",
    "e\u0301e\u0301e\u0301e\u0301",
    "a".repeat(10_000),
  ])("%j is none", (password) => expect(() => checkPassword(password)).toThrow(refused("PASSWORD_INVALID")));
});

describe("names", () => {
  test("a user name shows every character that it has", () => {
    expect(checkUsername(" 豆芽 01 ")).toBe("豆芽 01");
    for (const name of ["", "a\u200bb", "a".repeat(33), "a\nb", "\ud83d"])
      expect(() => checkUsername(name)).toThrow(refused("NAME_INVALID"));
  });
  test("a display name may have joined emoji, but not only what is invisible", () => {
    expect(checkName("👨‍👩‍👧 Lee")).toBe("👨‍👩‍👧 Lee");
    for (const name of ["", "\u200d", "a".repeat(33)])
      expect(() => checkName(name)).toThrow(refused("NAME_INVALID"));
  });
  test("a signature may be empty and 200 characters long", () => {
    expect(checkSignature("")).toBe("");
    expect(checkSignature("豆".repeat(200))).toHaveLength(200);
    expect(() => checkSignature("豆".repeat(201))).toThrow(refused("SIGNATURE_INVALID"));
  });
});

describe("a refresh token", () => {
  const judge = (current: boolean, previous: boolean, rotatedMsAgo: number, older = false) =>
    judgeRefresh({ current, previous, older: () => older, rotatedMsAgo });
  test("is swapped when it is the current one, however old", () => {
    expect(judge(true, false, 0)).toBe("rotate");
    expect(judge(true, false, 1e10)).toBe("rotate");
  });
  test("just swapped is good for a moment more, then it was copied", () => {
    expect(judge(false, true, refreshGraceMs)).toBe("rotate");
    expect(judge(false, true, refreshGraceMs + 1)).toBe("end-session");
  });
  test("from before was copied, however long ago", () => {
    expect(judge(false, false, 0, true)).toBe("end-session");
  });
  test("that nobody knows ends nothing", () => {
    expect(judge(false, false, 0)).toBe("refuse");
    expect(judgeRefresh(undefined)).toBe("refuse");
  });
});
