import type { Dictionary } from "../i18n/dictionary.ts";

const MAX_NAME = 32;
const PASSWORD = { min: 8, max: 128 };

/** Checks that need no server. */
export function checkCredentials(
  t: Dictionary,
  { username, password, isNew }: { username: string; password: string; isNew: boolean },
): Record<string, string> {
  const errors: Record<string, string> = {};
  if (username.trim() === "") errors.username = t.required;
  else if ([...username].length > MAX_NAME) errors.username = t.tooLong(MAX_NAME);
  // An existing password may follow other rules: those of the classic API, or earlier ones.
  const passwordError = isNew ? checkNewPassword(t, password) : password === "" ? t.required : undefined;
  if (passwordError) errors.password = passwordError;
  return errors;
}

export function checkNewPassword(t: Dictionary, password: string): string | undefined {
  const length = [...password].length;
  if (length === 0) return t.required;
  if (length < PASSWORD.min) return t.tooShort(PASSWORD.min);
  return length > PASSWORD.max ? t.tooLong(PASSWORD.max) : undefined;
}
