import { DomainError } from "../errors/domain-error.ts";

/** PostgreSQL's classes for a lost connection, a rollback to make way, missing resources and an operator's action. */
const passingClasses = ["08", "40", "53", "57P"];
const passingCodes = new Set([
  "55P03",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOENT",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ENOTFOUND",
]);

/** Whether an error says "not now" and nothing about the event: it is tried again for as long as it takes. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DomainError) return ["unavailable", "deadline", "exhausted"].includes(error.kind);
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === "string") {
    return (
      passingCodes.has(code) || passingClasses.some((start) => code.length === 5 && code.startsWith(start))
    );
  }
  // What pg says of a connection has no code.
  return /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect/.test(
    String(message),
  );
}
