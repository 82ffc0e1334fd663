import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";

export const maxPage = 100;
/** Of ranked videos: many of them may be shown to nobody. */
export const maxRanked = 1000;
/** The flat list is for clients that do not page. */
export const maxFlatPage = 500;

/** Rows removed in one transaction: few enough that nobody waits long for the counts. */
export const removalChunk = 2_000;

/** This many of a person's newest likes, and as many comments, decide which authors they interact with. */
export const maxInterests = 500;

export function checkComment(text: string): string {
  return checkText(text, {
    label: "A comment",
    reason: "COMMENT_INVALID",
    min: 1,
    max: 500,
    maxLineBreaks: 20,
  });
}

/** The text of a report. */
export function checkReport(text: string): string {
  return checkText(text, {
    label: "A report",
    reason: "REPORT_INVALID",
    min: 0,
    max: 200,
  });
}

/** At once, of what moderators decide or look at. */
export const maxModerated = 100;

/** Of several versions about the same thing the greatest. */
export function latestOf<Standing extends { version: string }>(
  standings: readonly Standing[],
  nameOf: (standing: Standing) => string,
): Standing[] {
  const latest = new Map<string, Standing>();
  for (const standing of standings) {
    const known = latest.get(nameOf(standing));
    if (!known || BigInt(known.version) < BigInt(standing.version)) latest.set(nameOf(standing), standing);
  }
  return [...latest.values()];
}

/** Who may delete a comment. */
export function mayDelete(
  { callerId, moderator }: { callerId?: string | undefined; moderator?: boolean | undefined },
  authorId: string,
  videoAuthorId: string,
): boolean {
  return moderator === true || callerId === authorId || callerId === videoAuthorId;
}

/** Of a comment's removal: it has gone with the comment above it, with the video, or by somebody else. */
export function ignoreGone(error: unknown): false {
  if (!(error instanceof DomainError && error.kind === "not-found")) throw error;
  return false;
}

/** Whether nobody may comment: by the author's wish, or by that of the moderators. */
export function isClosed(video: { closed: boolean; locked: boolean }): boolean {
  return video.closed || video.locked;
}

/** Who may close a video's comments and pin one. */
export function mayCurate(callerId: string, videoAuthorId: string): boolean {
  return callerId === videoAuthorId;
}

/** The numbers of a cursor. Error: CURSOR_INVALID. */
export function parseCursor(cursor: string, length: number): string[] | undefined {
  if (cursor === "") return undefined;
  const numbers = cursor.split("-");
  if (numbers.length === length && numbers.every((number) => /^\d{1,18}$/.test(number))) return numbers;
  throw refusal("CURSOR_INVALID");
}

export function notYours(message: string): DomainError {
  return refusal("NOT_YOURS", message);
}

export function blockedByAuthor(what: "comments" | "reactions" | "reposts"): DomainError {
  return refusal("BLOCKED_BY_USER", `The author of this video does not want your ${what}.`);
}
