import { DomainError } from "./domain-error.ts";

/**
 * Whether an error of the system, of a tool or of PostgreSQL (53100, or the system's words in 58030) means that the
 * disk is full.
 */
export function isDiskFull(error: unknown): boolean {
  const { code, message = "" } = error as { code?: unknown; message?: string };
  if (error instanceof DomainError) return error.reason === "DISK_FULL";
  return (
    ["ENOSPC", "EDQUOT", "53100"].includes(String(code)) ||
    /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/.test(String(message))
  );
}
