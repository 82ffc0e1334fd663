import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { checkText } from "#platform/text/text-rules.ts";

export const maxStrangerMessages = 3;
/** As many of the longest messages as fit into one gRPC answer. */
export const maxMessages = 500;
export const maxConversations = 100;
/** Who has missed more entries of their timeline than this begins anew with lists. */
export const maxReplayed = 300;
/** Positions in one question, so that each gets some entries. */
export const maxPositions = 100;
/** Pairs of people in one question. */
export const maxPairs = 2_000;
export const maxTyping = 500;

export function checkContent(content: string): string {
  return checkText(content, {
    label: "A message",
    reason: "MESSAGE_INVALID",
    min: 1,
    max: 2000,
    maxLineBreaks: 2000,
  });
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

/** Why the sender may not write now; undefined if they may. */
export function refusalOf(context: SendContext): DomainError | undefined {
  const { friends, answered, toStranger } = context;
  if (context.blocked) return refusal("USER_BLOCKED");
  if (context.blockedBy) return refusal("BLOCKED_BY_USER", "They do not want messages from you.");
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
