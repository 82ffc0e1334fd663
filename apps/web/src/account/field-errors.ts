import type { Problem } from "../api/problem.ts";
import type { Dictionary } from "../i18n/dictionary.ts";
import { explain } from "../i18n/explain.ts";

const FIELD_OF: Record<string, string> = {
  NAME_TAKEN: "username",
  USERNAME_INVALID: "username",
  NAME_INVALID: "name",
  PASSWORD_INVALID: "password",
  WRONG_PASSWORD: "currentPassword",
  BAD_CREDENTIALS: "form",
  SIGNATURE_INVALID: "signature",
};

/** Words beside each field a refusal names, under "form" when it names none that the form has. */
export function fieldErrors(
  t: Dictionary,
  problem: Problem,
  fields: readonly string[],
): Record<string, string> {
  const own = FIELD_OF[problem.reason] ?? "form";
  const errors: Record<string, string> = {};
  for (const { path, message } of problem.fields) {
    const field = path.split(/[./]/).at(-1) ?? "";
    if (fields.includes(field)) errors[field] ??= message;
  }
  if (Object.keys(errors).length === 0) errors[fields.includes(own) ? own : "form"] = explain(t, problem);
  return errors;
}
