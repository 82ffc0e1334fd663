import { isDiskFull } from "../errors/disk-full.ts";
import { DomainError } from "../errors/domain-error.ts";

/** PostgreSQL's classes 40 (transaction rollback) and 53 (insufficient resources), and 55P03 (lock not available). */
const transientCodes = /^(40|53)...$|^55P03$/;

/** Whether a deadline has passed: the handler's, that of a call it made, or PostgreSQL's statement timeout. */
export function isTimeout(error: unknown): boolean {
  if (error instanceof DomainError) return error.kind === "deadline";
  return (error as { code?: unknown }).code === "57014";
}

/**
 * Whether an error means "not now" and says nothing about the event or the job, which is therefore retried without
 * limit. A lost connection arrives here as DATABASE_UNAVAILABLE.
 */
export function isTransient(error: unknown): boolean {
  if (isDiskFull(error)) return true;
  if (error instanceof DomainError) return ["unavailable", "deadline", "exhausted"].includes(error.kind);
  const { code } = error as { code?: unknown };
  return typeof code === "string" && transientCodes.test(code);
}
