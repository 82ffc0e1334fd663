/** What one can do with messages. */
export const acts = {
  messageActions: "More about this message",
  react: "React",
  reactions: (emoji: string, count: string) => `${emoji} ${count}`,
  whoReacted: "Who reacted",
  recall: "Take back for everybody",
  recalledBy: (name: string) => `${name} took a message back`,
  youRecalled: "You took a message back",
  wasRecalled: "Message taken back",
  messageGone: "This message is gone",
  deleteForMe: "Delete for me",
  copyText: "Copy",
  textCopied: "Copied",
  textNotCopied: "The text could not be copied.",
  inReplyTo: "In reply to",
  messageTooFar: "This message is too far back.",
};
