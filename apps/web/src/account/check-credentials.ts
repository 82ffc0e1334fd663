import type { Dictionary } from "../i18n/dictionary.ts";

export const MAX_CHARACTERS = 32;
export const MIN_PASSWORD = 5;

/** What can be said before asking the server. */
export function checkCredentials(t: Dictionary, username: string, password: string): Record<string, string> {
  const errors: Record<string, string> = {};
  if (username.trim() === "") errors.username = t.required;
  else if ([...username].length > MAX_CHARACTERS) errors.username = t.tooLong(MAX_CHARACTERS);
  const passwordError = checkPassword(t, password);
  if (passwordError) errors.password = passwordError;
  return errors;
}

export function checkPassword(t: Dictionary, password: string): string | undefined {
  const length = [...password].length;
  if (length === 0) return t.required;
  if (length < MIN_PASSWORD) return t.tooShort(MIN_PASSWORD);
  return length > MAX_CHARACTERS ? t.tooLong(MAX_CHARACTERS) : undefined;
}
