import { DomainError } from "#platform/errors/domain-error.ts";

/** More than anybody can watch, and a bound for what one account can make the others carry. */
export const maxFollowing = 10_000;

export function checkNotSelf(callerId: string, targetId: string): void {
  if (callerId === targetId) throw new DomainError("invalid", "FOLLOWS_SELF", "You cannot follow yourself.");
}

export function userNotFound(): DomainError {
  return new DomainError("not-found", "USER_NOT_FOUND", "There is no such person.");
}

export function followsTooMany(): DomainError {
  return new DomainError(
    "conflict",
    "FOLLOWS_TOO_MANY",
    `One can follow ${maxFollowing} people at most. Unfollow somebody first.`,
  );
}
