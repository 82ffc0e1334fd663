import type { Problem } from "../api/problem.ts";
import type { Dictionary } from "../i18n/dictionary.ts";
import { explain } from "../i18n/explain.ts";

/** The fields that a reason may be about; a form has at most one of them. */
const FIELDS_OF: Record<string, readonly string[]> = {
  NAME_TAKEN: ["username"],
  NAME_INVALID: ["username", "name"],
  PASSWORD_INVALID: ["newPassword", "password"],
  PASSWORD_TOO_COMMON: ["newPassword", "password"],
  PASSWORD_LIKE_NAME: ["newPassword", "password"],
  WRONG_PASSWORD: ["currentPassword"],
  SIGNATURE_INVALID: ["signature"],
};

/** The text of a refusal next to its field, or under "form" if it is about none of `fields`. */
export function fieldErrors(
  t: Dictionary,
  problem: Problem,
  fields: readonly string[],
): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const { path, message } of problem.fields) {
    const field = path.split(/[./]/).at(-1) ?? "";
    if (fields.includes(field)) errors[field] ??= message;
  }
  if (Object.keys(errors).length > 0) return errors;
  const own = FIELDS_OF[problem.reason]?.find((field) => fields.includes(field));
  return { [own ?? "form"]: explain(t, problem) };
}
