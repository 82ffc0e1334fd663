import { refusal } from "../errors/reasons.ts";

/** Undefined tables, columns, functions, schemas. */
const missingCodes = ["42P01", "42703", "42883", "3F000"];

/** Of a query without what its migration makes: that has not run. Gives DATABASE_OUTDATED, else the error itself. */
export function orOutdated(error: unknown): unknown {
  if (!missingCodes.includes((error as { code?: string }).code ?? "")) return error;
  return refusal("DATABASE_OUTDATED");
}
