import { describe, expect, test } from "vitest";
import { commonPasswords } from "./common-passwords.ts";
import {
  checkName,
  checkPassword,
  checkSignature,
  checkUsername,
  judgeRefresh,
  refreshGraceMs,
  type ShownGeneration,
  tooManyGuesses,
} from "./rules.ts";

const refused = (reason: string) => expect.objectContaining({ kind: "invalid", reason });

describe("passwords", () => {
  const common = commonPasswords();
  const check = (password: string, classic = false, names = ["Lovelace", "Ada L."]) =>
    checkPassword(password, { classic, names, common });

  test.each([
    "correct horse",
    "x7".repeat(64),
    "豆芽很好吃真的很好",
    "😀😃".repeat(64),
    "  a  quiet morning  ",
    "tab\tin it, quietly",
    "lovelace has an engine",
  ])("%j is one", async (password) => {
    expect(await check(password)).toBe(password);
  });
  test.each([
    "",
    "1234567",
    "horse 7",
    `${"x7".repeat(64)}x`,
    "😀😃😀😃😀😃😀",
    `${"e\u0301i".repeat(3)}e\u0301`,
    "a".repeat(10_000),
  ])("%j is none", (password) => expect(check(password)).rejects.toEqual(refused("PASSWORD_INVALID")));
  test.each([
    "password",
    "PassWord",
    " pass word ",
    "ｐａｓｓｗｏｒｄ",
    "12345678",
    "1234 5678",
    "qwertyuiop",
    "Password1",
    "p@ssw0rd",
    "1q2w3e4r",
    "sunshine1",
    "administrator",
    "88888888",
    "豆豆豆豆豆豆豆豆",
    "        ",
  ])("%j is tried first", (password) =>
    expect(check(password)).rejects.toEqual(refused("PASSWORD_TOO_COMMON")));
  test.each([
    "lovelace",
    "LoveLace",
    "love lace",
    "lovelace1815",
    "1815-Lovelace",
    "lovelacelovelace",
    "ada l. 12345678",
    "douya123",
    "Douya-douya",
    "豆芽豆芽豆芽豆芽",
    "豆芽12345678",
  ])("%j is like a name", (password) =>
    expect(check(password)).rejects.toEqual(refused("PASSWORD_LIKE_NAME")));
  test("a list of ten thousand of those that leaked most is known", async () => {
    const { dictionary } = await import("@zxcvbn-ts/language-common");
    const long = dictionary["passwords-common"].slice(0, 10_000).filter((entry) => entry.length >= 8);
    expect(long.length).toBeGreaterThan(3_000);
    for (const entry of long) expect(await common.weakness(entry.toUpperCase(), [])).toBeDefined();
  });
  test.each([
    "12345",
    "a".repeat(32),
    "豆芽豆芽豆",
    "password",
    "  a  ",
  ])("%j is one of the classic API", async (password) => {
    expect(await check(password, true)).toBe(password);
  });
  test.each(["1234", "a".repeat(33), "e\u0301e\u0301e\u0301e\u0301"])("%j is none there", (password) =>
    expect(check(password, true)).rejects.toEqual(refused("PASSWORD_INVALID")));
  test("Unicode forms are the same password", async () => {
    expect(await check("caf\u0065\u0301s au lait")).toBe("caf\u00e9s au lait");
  });
});

describe("names", () => {
  test("a user name may have joiners and variation selectors, but hides nothing", () => {
    for (const name of ["豆芽 01", "ada❤️", "می‌خواهم", "ന്‍റെ"]) expect(checkUsername(` ${name} `)).toBe(name);
    for (const name of ["", "\u200d", "a\u200bb", "a\u202eb", "a".repeat(33), "a\nb", "\ud83d"])
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
  const judge = (shown: ShownGeneration, rotatedMsAgo: number) => judgeRefresh({ shown, rotatedMsAgo });
  test("is rotated if it is the current one, however old", () => {
    expect(judge("current", 0)).toBe("rotate");
    expect(judge("current", 1e10)).toBe("rotate");
  });
  test("just rotated is valid for a moment more, then counts as copied", () => {
    expect(judge("previous", refreshGraceMs)).toBe("rotate");
    expect(judge("previous", refreshGraceMs + 1)).toBe("end-session");
  });
  test("from earlier counts as copied, however old", () => {
    expect(judge("older", 0)).toBe("end-session");
  });
  test("that is unknown ends nothing", () => {
    expect(judge("unknown", 0)).toBe("refuse");
    expect(judgeRefresh(undefined)).toBe("refuse");
  });
});

test("after too many guesses the answer says when to retry, and how to get in at once", () => {
  expect(tooManyGuesses(90_000)).toMatchObject({
    kind: "exhausted",
    reason: "TOO_MANY_ATTEMPTS",
    retryAfterMs: 90_000,
    message:
      "Too many wrong passwords. Try again in 2 min, or from a device or network where you have logged in before.",
  });
});
