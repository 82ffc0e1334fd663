import { isDiskFull } from "../errors/disk-full.ts";
import { DomainError } from "../errors/domain-error.ts";

/** PostgreSQL's classes for a rollback to make way for others and for missing resources, and a lock not given. */
const transientCodes = /^(40|53)...$|^55P03$/;

/** Whether there was not enough time: its own, that of a call it made, or of a statement that PostgreSQL has cancelled. */
export function isTimeout(error: unknown): boolean {
  if (error instanceof DomainError) return error.kind === "deadline";
  return (error as { code?: unknown }).code === "57014";
}

/**
 * Whether an error says "not now" and nothing about the event, or the job: it is tried again for as long as it takes. A
 * connection that is lost is DATABASE_UNAVAILABLE by now.
 */
export function isTransient(error: unknown): boolean {
  if (isDiskFull(error)) return true;
  if (error instanceof DomainError) return ["unavailable", "deadline", "exhausted"].includes(error.kind);
  const { code } = error as { code?: unknown };
  return typeof code === "string" && transientCodes.test(code);
}
