import { DomainError } from "#platform/errors/domain-error.ts";

/** More than anybody can watch, and a bound for what one account can make the others carry. */
export const maxFollowing = 10_000;

/** A bound for what one account can make the others carry. */
export const maxBlocked = 10_000;

/** For so long a follow counts in the ranking by followers won. */
export const hotMs = 24 * 3_600_000;
export const maxHotUsers = 100;

export function checkNotSelf(callerId: string, targetId: string): void {
  if (callerId === targetId) throw new DomainError("invalid", "FOLLOWS_SELF", "You cannot follow yourself.");
}

export function followsTooMany(): DomainError {
  return new DomainError(
    "conflict",
    "FOLLOWS_TOO_MANY",
    `One can follow ${maxFollowing} people at most. Unfollow somebody first.`,
  );
}

export function checkBlocksOther(callerId: string, targetId: string): void {
  if (callerId === targetId) throw new DomainError("invalid", "BLOCKS_SELF", "You cannot block yourself.");
}

export function blocksTooMany(): DomainError {
  return new DomainError(
    "conflict",
    "BLOCKS_TOO_MANY",
    `One can block ${maxBlocked} people at most. Unblock somebody first.`,
  );
}

/** Why a follow across a block is refused; the follower's own block comes first, since they can end it. */
export function followBlocked(ownBlock: boolean): DomainError {
  return ownBlock
    ? new DomainError("forbidden", "USER_BLOCKED", "You have blocked them. Unblock them first.")
    : new DomainError("forbidden", "BLOCKED_BY_USER", "They do not want to be followed by you.");
}

export function rankingBusy(): DomainError {
  return new DomainError(
    "unavailable",
    "RANKING_BUSY",
    "The ranking is being built anew. Try again in a moment.",
    1000,
  );
}
