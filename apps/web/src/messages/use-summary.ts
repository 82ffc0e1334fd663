import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { whatShows } from "./message-cache.ts";
import { isVideoLink } from "./message-content.tsx";

/** A message in one line. */
export function useSummary(): (message: Message) => string {
  const { t } = useI18n();
  return (message) => {
    const shows = whatShows(message);
    if (message.takenDown) return t.messageTakenDown;
    if (message.recalled) return t.wasRecalled;
    if (shows) return [t.shown[shows], message.content].filter(Boolean).join(" ");
    return isVideoLink(message.content) ? t.sentVideo : message.content;
  };
}
