import { isDiskFull } from "./disk-full.ts";
import { DomainError } from "./domain-error.ts";

/** The place where files are is full or away: that passes, and is the fault of nothing that is done with them. */
export const noPlaceReasons = ["DISK_FULL", "BLOBS_UNAVAILABLE", "BLOB_DISK_AWAY"] as const;
export type NoPlaceReason = (typeof noPlaceReasons)[number];

/** Which of these an error means; undefined: another thing. */
export function noPlaceReason(error: unknown): NoPlaceReason | undefined {
  if (isDiskFull(error)) return "DISK_FULL";
  return error instanceof DomainError ? noPlaceReasons.find((one) => one === error.reason) : undefined;
}

export const isDiskAway = (error: unknown): boolean => noPlaceReason(error) === "BLOB_DISK_AWAY";
