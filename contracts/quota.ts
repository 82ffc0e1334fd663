import type { DomainError } from "#platform/errors/domain-error.ts";
import { refusal } from "./reasons.ts";

const megabyte = 1024 ** 2;

/** A file that does not fit into what a person may keep. */
export function quotaExceeded(usedBytes: number, quotaBytes: number): DomainError {
  const used = Math.ceil(usedBytes / megabyte);
  return refusal("QUOTA_EXCEEDED", { used, allowed: Math.floor(quotaBytes / megabyte) });
}
