import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";

/** More than anybody can watch, and a bound for what one account can make the others carry. */
export const maxFollowing = 10_000;

/** A bound for what one account can make the others carry. */
export const maxBlocked = 10_000;

/** For so long a follow counts in the ranking by followers won. */
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

/** Why a follow across a block is refused; the follower's own block comes first, since they can end it. */
export function followBlocked(ownBlock: boolean): DomainError {
  return ownBlock
    ? refusal("USER_BLOCKED")
    : refusal("BLOCKED_BY_USER", "They do not want to be followed by you.");
}
