import { AccountsDeleted, accountDeleted } from "#contracts/deleted-accounts.ts";
import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";
import type { ReachName, VisibilityName } from "./visibility.ts";

/** Short side of the first rendition: what a phone shows, and quick to make. */
export const firstRenditionShortSidePx = 720;
/** An upload that is not published is removed after a day. */
export const uploadLifetimeMs = 24 * 3_600_000;
/** An upload that comes in pieces and to which nothing was added for two days is removed. */
export const resumableLifetimeMs = 2 * uploadLifetimeMs;
/** One that its sender puts into the store: as long as its URLs. */
export const directLifetimeMs = 24 * 3_600_000;
/** However much is added to it. */
export const longestResumableMs = 7 * uploadLifetimeMs;
/** Until when it can be asked for: the first of these ends, of which that of a whole one begins with its last byte. */
export function resumableExpiryMs(row: { begun_at: Date; touched_at: Date; partial: string }): number {
  const untouchedMs = row.partial === "" ? uploadLifetimeMs : resumableLifetimeMs;
  return Math.min(row.touched_at.getTime() + untouchedMs, row.begun_at.getTime() + longestResumableMs);
}

/** A challenge for a known file: reading what it asks for takes a moment. */
export const challengeLifetimeMs = 5 * 60_000;
/** How long a writer may append without asking again. */
export const writerMs = 6_000;
/** A staged file that was not written to for an hour belongs to a process that died. */
export const stagedLifetimeMs = 3_600_000;

/** Who plays a film while its rungs are made anew goes on with those there were; longer than films are. */
export const replacedLifetimeMs = 3_600_000;

/** How long a job of a worker in another process is nobody else's without a word of it. */
export const mediaLeaseMs = 12_000;
/** Of a file that goes from one process to another, in one call. */
export const largestPieceBytes = 1024 ** 2;

/** After so long without a byte, what is announced of an upload is nobody else's business any more. */
export const announcedMs = 60_000;

/** The share of the room for unpublished files which may come from one address; a school may share one. */
export const addressShare = 0.5;

/** Of one person. */
const maxUnfinished = 50;

export function refuseMoreUnfinished(unfinished: number): void {
  if (unfinished >= maxUnfinished) throw refusal("UPLOADS_UNFINISHED_TOO_MANY", { max: maxUnfinished });
}

export function tooMuchUnpublished(maxBytes: number): DomainError {
  return refusal("UNPUBLISHED_TOO_MUCH", { megabytes: Math.floor(maxBytes / 1024 / 1024) });
}

export function checkTitle(title: string): string {
  return checkText(title, {
    label: "A title",
    reason: "TITLE_INVALID",
    min: 0,
    max: 200,
  });
}

export function checkDescription(description: string): string {
  return checkText(description, {
    label: "A description",
    reason: "DESCRIPTION_INVALID",
    min: 0,
    max: 2000,
    maxLineBreaks: 100,
  });
}

export const maxPictures = 35;

export function checkAlt(alt: string): string {
  return checkText(alt, { label: "What a picture shows", reason: "ALT_INVALID", min: 0, max: 300 });
}

const yearMs = 366 * 24 * 3_600_000;

/** When a draft is to be published, or null: at no set time. */
export function checkPublishAt(publishAtMs: number, nowMs = Date.now()): number | null {
  if (publishAtMs === 0) return null;
  if (!(publishAtMs > nowMs && publishAtMs <= nowMs + yearMs)) throw refusal("PUBLISH_AT_INVALID");
  return Math.ceil(publishAtMs);
}

/** A token of a deleted account may still be valid, but nothing can be added with it. */
export function endOfSession(error: unknown): never {
  throw error instanceof AccountsDeleted ? accountDeleted() : error;
}

/** What decides who may see a video. */
export interface Seen {
  state: string;
  author_id: string;
  visibility: VisibilityName;
}

/** Whether a person may see a video; `friends` are those of its authors who are the person's. */
export function isVisible(
  { state, author_id, visibility }: Seen,
  callerId: string | undefined,
  friends: ReadonlySet<string>,
): boolean {
  if (author_id === callerId) return true;
  if (state !== "published") return false;
  if (visibility === "friends") return friends.has(author_id);
  return visibility === "public" || visibility === "unlisted";
}

/** What holds of what an author has chosen, as far as moderators let it reach. */
export function withinReach(wished: VisibilityName, reach: ReachName): VisibilityName {
  if (reach === "down") return "private";
  return reach === "restricted" && wished === "public" ? "unlisted" : wished;
}

/** What is in feeds: friends find it in those of whom they follow. */
export const listed: readonly VisibilityName[] = ["public", "friends"];

/** Of the files that were sent, once a video is made: auto keeps one that contains more than what is published of it. */
export type KeepSources = "auto" | "on" | "off";
