import { untilWords } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";
import type { CommonPasswords } from "./common-passwords.ts";

/** Far more than one person uses, and a bound for a script that logs in forever. */
export const maxSessionsPerUser = 50;
export const accessTokenMs = 15 * 60_000;
/** Also the lifetime of a classic access token, whose clients cannot refresh. */
export const sessionMs = 30 * 24 * 3_600_000;
/** A session ends this long after its password was given, even if it is refreshed. */
export const passwordLastsMs = 180 * 24 * 3_600_000;
/** A token that was just rotated still works for this long: an answer may be lost, and two tabs may ask at once. */
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

/**
 * Far above what 128 characters take in any Unicode form. Longer input is no password and is refused without cost.
 */
export const maxPasswordUnits = 1024;
const passwordLength = { min: 8, max: 128 };
/** Clients of the classic API know no other limits. */
const classicPasswordLength = { min: 5, max: 32 };

/**
 * A new password, in one Unicode form, since keyboards differ. Errors: PASSWORD_INVALID, PASSWORD_TOO_COMMON,
 * PASSWORD_LIKE_NAME; the classic API checks only the length.
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

/** The form in which passwords are compared. */
export function cleanPassword(password: string): string {
  return password.slice(0, maxPasswordUnits).normalize("NFC");
}

/** A refresh token as its session knows it: the next to be used, the one before, an older one, or unknown. */
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
    // A token that was rotated before has been copied, by this client or by another.
    case "older":
      return "end-session";
    default:
      return "refuse";
  }
}

interface Suspendable {
  suspended_until_ms: string;
}
export const isSuspended = ({ suspended_until_ms }: Suspendable): boolean =>
  Number(suspended_until_ms) > Date.now();
/** Told only to who knows the password. */
export const accountSuspended = ({ suspended_until_ms }: Suspendable): DomainError =>
  refusal("ACCOUNT_SUSPENDED", { until: untilWords(Number(suspended_until_ms)) });

export function tooManyGuesses(waitMs: number): DomainError {
  const minutes = Math.ceil(waitMs / 60_000);
  return refusal("TOO_MANY_ATTEMPTS", { minutes }, waitMs);
}
