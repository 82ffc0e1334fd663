import { DomainError } from "../errors/domain-error.ts";

/** Of a query without its table or column: its migration has not run. Gives DATABASE_OUTDATED, else the error itself. */
export function orOutdated(error: unknown): unknown {
  if (!["42P01", "42703"].includes((error as { code?: string }).code ?? "")) return error;
  return new DomainError(
    "unavailable",
    "DATABASE_OUTDATED",
    "The database is of another version of this program. Run: douya migrate.",
  );
}
