import type { Message } from "../api/types.ts";

/** Those that are offered; others put what they like. */
export const offered = ["👍", "❤️", "😂", "😮", "😢", "🙏", "🎉", "🔥", "👏", "😍", "🤔", "👎"];

/** The message as it is when the viewer has put an emoji under it, or taken it away. Done twice it is the same. */
export function withReaction(message: Message, emoji: string, on: boolean): Message {
  const all = message.reactions ?? [];
  const known = all.find((one) => one.emoji === emoji);
  if ((known?.own ?? false) === on) return message;
  const count = (known?.count ?? 0) + (on ? 1 : -1);
  const changed = { emoji, count, own: on };
  const reactions = known
    ? all.flatMap((one) => (one !== known ? one : count > 0 ? changed : []))
    : [...all, changed];
  const { reactions: _, ...rest } = message;
  return reactions.length > 0 ? { ...rest, reactions } : rest;
}
