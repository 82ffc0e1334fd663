import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";
import type { CommonPasswords } from "./common-passwords.ts";

/** Kept well above what one person uses, so that a script that logs in for ever fills no table. */
export const maxSessionsPerUser = 50;
export const accessTokenMs = 15 * 60_000;
/** Also how long a classic access token lives, whose clients cannot refresh. */
export const sessionMs = 30 * 24 * 3_600_000;
/** A session ends so long after its password was given, however often it is refreshed. */
export const passwordLastsMs = 180 * 24 * 3_600_000;
/**
 * A refresh token that was just swapped still works this long: an answer may be lost on the way, and two tabs
 * may ask at once.
 */
export const refreshGraceMs = 10_000;

export function checkUsername(username: string): string {
  return checkText(username, {
    label: "A user name",
    reason: "NAME_INVALID",
    min: 1,
    max: 32,
    identifies: true,
    isName: true,
  });
}

export function checkName(name: string): string {
  return checkText(name, { label: "A name", reason: "NAME_INVALID", min: 1, max: 32, isName: true });
}

export function checkSignature(signature: string): string {
  return checkText(signature, {
    label: "A signature",
    reason: "SIGNATURE_INVALID",
    min: 0,
    max: 200,
  });
}

/** Far above what 128 characters take in any Unicode form; more is nobody's password and costs nothing to refuse. */
export const maxPasswordUnits = 1024;
const passwordLength = { min: 8, max: 128 };
/** Clients of the classic API know no others. */
const classicPasswordLength = { min: 5, max: 32 };

/**
 * A new password. It is taken as it is, but for its Unicode form, in which keyboards differ.
 * Errors: PASSWORD_INVALID, PASSWORD_TOO_COMMON, PASSWORD_LIKE_NAME; the classic API's only has a length.
 */
export async function checkPassword(
  password: string,
  by: { classic: boolean; names: string[]; common: CommonPasswords },
): Promise<string> {
  const { min, max } = by.classic ? classicPasswordLength : passwordLength;
  const clean = cleanPassword(password);
  const length = [...clean].length;
  if (length < min || length > max || password.length > maxPasswordUnits)
    throw refusal("PASSWORD_INVALID", { min, max });
  const weakness = by.classic ? undefined : await by.common.weakness(clean, by.names);
  if (weakness === "common") throw refusal("PASSWORD_TOO_COMMON");
  if (weakness === "like-name") throw refusal("PASSWORD_LIKE_NAME");
  return clean;
}

/** As passwords are compared. */
export function cleanPassword(password: string): string {
  return password.slice(0, maxPasswordUnits).normalize("NFC");
}

/** A refresh token as its session knows it: the one to use next, the one before, an older one, or none of its. */
export type ShownGeneration = "current" | "previous" | "older" | "unknown";

/** What to do with a refresh token, given what the session remembers. */
export function judgeRefresh(
  session: { shown: ShownGeneration; rotatedMsAgo: number } | undefined,
): "rotate" | "end-session" | "refuse" {
  switch (session?.shown) {
    case "current":
      return "rotate";
    case "previous":
      return session.rotatedMsAgo <= refreshGraceMs ? "rotate" : "end-session";
    // Whoever shows a token that was swapped before has copied it, or was copied from.
    case "older":
      return "end-session";
    default:
      return "refuse";
  }
}

export function tooManyGuesses(waitMs: number): DomainError {
  const minutes = Math.ceil(waitMs / 60_000);
  return refusal("TOO_MANY_ATTEMPTS", { minutes }, waitMs);
}
