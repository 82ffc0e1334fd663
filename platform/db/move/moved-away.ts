/** PostgreSQL's codes for a table and a schema that are not there. */
const goneCodes = new Set(["42P01", "3F000"]);

/** Whether a statement failed because the tables of a module are not in that database any more. */
export function isMovedAway(error: unknown): boolean {
  return goneCodes.has((error as { code?: string }).code ?? "");
}
