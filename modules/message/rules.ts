import { readIdCursor } from "#contracts/id-cursor.ts";
import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { maxId } from "#platform/ids/snowflake.ts";
import { checkText } from "#platform/text/text-rules.ts";

export const maxStrangerMessages = 3;
/** As many of the longest messages as fit into one gRPC answer. */
export const maxMessages = 300;
export const maxConversations = 100;
/** For everybody it can be taken back so long. */
export const recallMs = 2 * 60_000;
/** Kinds of emoji under one message: of all, and of one person. */
export const maxReactions = 20;
export const maxOwnReactions = 3;
/** People whom a message mentions; further names are text. */
export const maxMentions = 20;
/** Of one person, in a day (UTC); what is sent on does not count. */
export const maxPicturesADay = 500;
export const maxReactionsListed = 100;
export const maxFound = 50;
/** The groups in which a search looks. */
export const maxSearchedGroups = 100;
/** Who has missed more entries of their timeline than this begins anew with lists. */
export const maxReplayed = 300;
/** Positions in one question, so that each gets some entries. */
export const maxPositions = 100;
/** Pairs of people in one question. */
export const maxPairs = 2_000;
export const maxTyping = 500;

/** The id before which a page goes on; without one it begins with the newest. Error: CURSOR_INVALID. */
export function readCursor(cursor: string): string {
  return readIdCursor(cursor) ?? maxId.toString();
}

/** `isShown`: the message shows something besides, so that there may be no text. */
export function checkContent(content: string, isShown = false): string {
  return checkText(content, {
    label: "A message",
    reason: "MESSAGE_INVALID",
    min: isShown ? 0 : 1,
    max: 2000,
    maxLineBreaks: 2000,
  });
}

/** What is searched for. With one character every message would be looked at. */
export function checkSearch(text: string): string {
  return checkText(text, { label: "A search", reason: "SEARCH_INVALID", min: 2, max: 64 });
}

/** A flag, a key, or a flag by its tags (UTS 51). */
const flagOrKey =
  /^(?:\p{Regional_Indicator}{2}|[#*\d]\ufe0f\u20e3|\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f})$/u;
const picture = /^(\p{Extended_Pictographic})(\p{Emoji_Modifier}|\ufe0f)?$/u;
/** A couple with skins and a kiss, or a family. */
const maxJoined = 4;

/** One emoji, in the one form in which it is shown in colours: no two that look the same are counted apart. */
export function checkEmoji(emoji: string): string {
  if (flagOrKey.test(emoji)) return emoji;
  const joined = emoji.split("\u200d", maxJoined + 1).map((part) => picture.exec(part));
  if (joined.length > maxJoined) throw refusal("REACTION_INVALID");
  return joined
    .map((found) => {
      const [, base, style = "\ufe0f"] = found ?? [];
      if (!base) throw refusal("REACTION_INVALID");
      return style === "\ufe0f" && /\p{Emoji_Presentation}/u.test(base) ? base : base + style;
    })
    .join("\u200d");
}

export function checkNotSelf(senderId: string, receiverId: string): void {
  if (senderId === receiverId) throw refusal("WRITES_TO_SELF");
}

/** What decides whether one person may write to another. */
export interface SendContext {
  /** Both follow each other. */
  friends: boolean;
  /** The other has written to them at some time. */
  answered: boolean;
  /** One of the two blocks the other. */
  blocked?: boolean;
  blockedBy?: boolean;
  /** How many messages they have sent to the other as a stranger without an answer. */
  toStranger: number;
}

export function blockOf({ blocked, blockedBy }: Pick<SendContext, "blocked" | "blockedBy">) {
  if (blocked) return refusal("USER_BLOCKED");
  return blockedBy ? refusal("BLOCKED_BY_USER", "They do not want messages from you.") : undefined;
}

/** Why the sender may not write now; undefined if they may. */
export function refusalOf(context: SendContext): DomainError | undefined {
  const { friends, answered, toStranger } = context;
  const block = blockOf(context);
  if (block) return block;
  if (friends || answered || toStranger < maxStrangerMessages) return undefined;
  return refusal("STRANGER_LIMIT", { max: maxStrangerMessages });
}

/** What two people are to each other. */
export interface Standing {
  /** Both follow each other. */
  friends: boolean;
  /** One of the two blocks the other. */
  blocked: boolean;
  /** The other has written to the first. */
  answered: boolean;
  /** The first has written to the other. */
  asked: boolean;
  /** The first hides their own presence. */
  hides: boolean;
}

/** Whether the first sees if the other is here. A message alone opens nobody's presence to strangers. */
export function maySeePresence({ friends, blocked, answered, asked, hides }: Standing): boolean {
  return !blocked && !hides && (friends || (answered && asked));
}

/** Whether the other is told that the first is writing. */
export function maySeeTyping({ friends, blocked, answered }: Standing): boolean {
  return !blocked && (friends || answered);
}

/** Moderators see so many messages before, and after, the one that was reported. */
export const shownAroundReported = 5;
/** Of one person, that nobody has judged. */
export const maxWaitingReports = 50;
/** They, with all their lines, fit into one gRPC answer. */
export const maxReportsListed = 40;
/** What nobody has judged in this time is not kept any longer. */
export const reportKeptMs = 90 * 24 * 3_600_000;

/** At once, of what moderators decide or look at. */
const maxModerated = 100;

export function checkModerated(all: readonly unknown[]): void {
  if (all.length > maxModerated) throw refusal("INVALID_ARGUMENT", `Ask for ${maxModerated} at most.`);
}

/** What somebody says of a message that they report. */
export const checkReport = (text: string): string =>
  checkText(text, { label: "A report", reason: "REPORT_INVALID", min: 0, max: 200 });
