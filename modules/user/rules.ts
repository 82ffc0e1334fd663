import { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";

/** Kept well above what one person uses, so that a script that logs in for ever fills no table. */
export const maxSessionsPerUser = 50;
export const accessTokenMs = 15 * 60_000;
/** Also how long a classic access token lives, whose clients cannot refresh. */
export const sessionMs = 30 * 24 * 3_600_000;
/**
 * A refresh token that was just swapped still works this long: an answer may be lost on the way, and two tabs
 * may ask at once.
 */
export const refreshGraceMs = 10_000;

export function checkUsername(username: string): string {
  return checkText(username, { label: "A user name", reason: "NAME_INVALID", min: 1, max: 32 });
}

export function checkName(name: string): string {
  return checkText(name, { label: "A name", reason: "NAME_INVALID", min: 1, max: 32, allowInvisible: true });
}

export function checkSignature(signature: string): string {
  return checkText(signature, {
    label: "A signature",
    reason: "SIGNATURE_INVALID",
    min: 0,
    max: 200,
    allowInvisible: true,
  });
}

/** Passwords are taken as they are, but for their Unicode form, in which keyboards differ. */
export function checkPassword(password: string): string {
  const clean = password.slice(0, 256).normalize("NFC");
  const length = [...clean].length;
  if (length < 5 || length > 32 || password.length > 256) {
    throw new DomainError("invalid", "PASSWORD_INVALID", "A password has 5 to 32 characters.");
  }
  return clean;
}

export function badCredentials(): DomainError {
  return new DomainError("unauthenticated", "BAD_CREDENTIALS", "The user name or the password is wrong.");
}

/** Not 401: the session is as good as before. */
export function wrongPassword(): DomainError {
  return new DomainError("forbidden", "WRONG_PASSWORD", "The current password is wrong. Type it again.");
}

export function accountClosing(): DomainError {
  return new DomainError(
    "forbidden",
    "ACCOUNT_CLOSING",
    "This account is being deleted. If that is refused, you can log in again in a moment.",
  );
}

export function sessionEnded(): DomainError {
  return new DomainError("unauthenticated", "SESSION_ENDED", "This session has ended. Log in again.");
}

/** What to do with a refresh token, given what the session remembers. */
export function judgeRefresh(
  session: { current: boolean; previous: boolean; older: () => boolean; rotatedMsAgo: number } | undefined,
): "rotate" | "end-session" | "refuse" {
  if (!session) return "refuse";
  if (session.current) return "rotate";
  // Whoever shows a token that was swapped before has copied it, or was copied from.
  if (!session.previous) return session.older() ? "end-session" : "refuse";
  return session.rotatedMsAgo <= refreshGraceMs ? "rotate" : "end-session";
}
