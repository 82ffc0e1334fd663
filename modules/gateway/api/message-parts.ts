import type { Message } from "#contracts/gen/message_pb.ts";

/** What a message has besides its text, as `messageParts` describes it. */
export function toMessageParts({ recalled, replyTo, reactions }: Message) {
  return {
    ...(recalled && { recalled }),
    ...(replyTo && {
      replyTo: {
        id: replyTo.id,
        ...(replyTo.senderId && { senderId: replyTo.senderId }),
        text: replyTo.content,
        ...(replyTo.recalled && { recalled: true }),
      },
    }),
    ...(reactions.length > 0 && {
      reactions: reactions.map(({ emoji, count, own }) => ({ emoji, count, own })),
    }),
  };
}
