import { isDiskFull } from "../errors/disk-full.ts";
import { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";

/** An error of a handler as its caller may see it: anything but a refusal is a bug, logged here and hidden. */
export function toRefusal(error: unknown, at: { log: Logger; rpc: string; traceId: string }): DomainError {
  if (error instanceof DomainError) return error;
  const full = isDiskFull(error);
  at.log.error({ err: error, rpc: at.rpc, traceId: at.traceId }, "internal error");
  if (full) return refusal("DISK_FULL");
  return refusal("INTERNAL");
}
