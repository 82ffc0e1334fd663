import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";

/** More than anybody can watch, and a bound on what one account can cost the system. */
export const maxFollowing = 10_000;

/** A bound on what one account can cost the system. */
export const maxBlocked = 10_000;

/** A follow counts in the ranking for this long. */
export const hotMs = 24 * 3_600_000;
export const maxHotUsers = 100;

export function checkNotSelf(callerId: string, targetId: string): void {
  if (callerId === targetId) throw refusal("FOLLOWS_SELF");
}

export function followsTooMany(): DomainError {
  return refusal("FOLLOWS_TOO_MANY", { max: maxFollowing });
}

export function checkBlocksOther(callerId: string, targetId: string): void {
  if (callerId === targetId) throw refusal("BLOCKS_SELF");
}

export function blocksTooMany(): DomainError {
  return refusal("BLOCKS_TOO_MANY", { max: maxBlocked });
}

/** Why a follow across a block is refused. The follower's own block comes first, since they can end it. */
export function followBlocked(ownBlock: boolean): DomainError {
  return ownBlock
    ? refusal("USER_BLOCKED")
    : refusal("BLOCKED_BY_USER", "They do not want to be followed by you.");
}
