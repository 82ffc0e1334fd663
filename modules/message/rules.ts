import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";

export const maxStrangerMessages = 3;
/** As many of the longest messages as fit into one gRPC answer. */
export const maxMessages = 500;
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

/** What emoji consist of: a person with a skin, a flag, a family. */
const emojiParts =
  /^[\p{Extended_Pictographic}\p{Regional_Indicator}][\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}\p{Join_Control}\p{Variation_Selector}\u{e0020}-\u{e007f}]{0,11}$/u;
/** Joiners and selectors that make another text of it and no other picture. */
const unseenParts = /\u200c|[\ufe00-\ufe0e]|[\u{180b}-\u{180f}]|[\u{e0100}-\u{e01ef}]/u;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** One emoji, in the form in which it is shown in colours. */
export function checkEmoji(emoji: string): string {
  if (!emojiParts.test(emoji) || unseenParts.test(emoji) || [...graphemes.segment(emoji)].length !== 1)
    throw refusal("REACTION_INVALID");
  const isText = [...emoji].length === 1 && !/\p{Emoji_Presentation}/u.test(emoji);
  return isText ? `${emoji}\u{fe0f}` : emoji;
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
export const maxReportsListed = 100;
/** What nobody has judged in this time is not kept any longer. */
export const reportKeptMs = 90 * 24 * 3_600_000;

/** What somebody says of a message that they report. */
export const checkReport = (text: string): string =>
  checkText(text, { label: "A report", reason: "REPORT_INVALID", min: 0, max: 200 });
