import { AccountsDeleted, accountDeleted } from "#contracts/deleted-accounts.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";

/** Short side of the first rendition: what a phone shows, and quick to make. */
export const firstRenditionShortSidePx = 720;
/** An upload that nobody publishes is thrown away after a day. */
export const uploadLifetimeMs = 24 * 3_600_000;
/** A staged file that nobody has written to for an hour belongs to a process that died. */
export const stagedLifetimeMs = 3_600_000;

/** Of the room there is, what is not published yet may take. */
export const unpublishedShare = 0.75;
/** And of that what came from one address, behind which a school may be. */
export const addressShare = 0.5;

export function tooMuchUnpublished(maxBytes: number): DomainError {
  return new DomainError(
    "exhausted",
    "UNPUBLISHED_TOO_MUCH",
    `You have ${Math.floor(maxBytes / 1024 / 1024)} MB that are not published yet, and more is not kept. ` +
      "Publish some, wait until your videos are prepared, or until tomorrow, when what was not published is thrown away.",
    60_000,
  );
}

export function tooMuchFromAddress(): DomainError {
  return new DomainError(
    "exhausted",
    "ADDRESS_UNPUBLISHED_TOO_MUCH",
    "From your address come more files than are kept without being published. Publish some, or wait until tomorrow, " +
      "when what was not published is thrown away.",
    60_000,
  );
}

export function checkTitle(title: string): string {
  return checkText(title, {
    label: "A title",
    reason: "TITLE_INVALID",
    min: 0,
    max: 200,
  });
}

export function videoNotFound(): DomainError {
  return new DomainError("not-found", "VIDEO_NOT_FOUND", "There is no such video, or it is not public.");
}

export function uploadNotFound(): DomainError {
  return new DomainError(
    "not-found",
    "UPLOAD_NOT_FOUND",
    "You have no such upload. Uploads are kept for a day; send the file again.",
  );
}

/** A token of a deleted account may still be valid; nothing can be added with it. */
export function endOfSession(error: unknown): never {
  throw error instanceof AccountsDeleted ? accountDeleted() : error;
}

function videoHeld(): DomainError {
  return new DomainError(
    "conflict",
    "VIDEO_HELD",
    "A moderator has put this video on hold. It cannot be changed or deleted until they have looked at it.",
  );
}

/** Why somebody could not change a video: `video` is what there is of it. */
export function mayNotChange(
  video: { state: string; author_id: string } | undefined,
  callerId: string,
): DomainError {
  if (!video || !isVisible(video, callerId)) return videoNotFound();
  if (video.author_id === callerId) return videoHeld();
  return new DomainError("forbidden", "NOT_YOURS", "Only its author can change or delete a video.");
}

export function moderatorsOnly(): DomainError {
  return new DomainError("forbidden", "MODERATORS_ONLY", "Only a moderator can do this.");
}

/** Whether somebody may see a video. */
export function isVisible(
  video: { state: string; author_id: string },
  callerId: string | undefined,
): boolean {
  return video.state === "published" || video.author_id === callerId;
}
