import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { isVideoLink } from "./message-content.tsx";

/** A message in one line. */
export function useSummary(): (message: Pick<Message, "content" | "recalled">) => string {
  const { t } = useI18n();
  return ({ content, recalled }) => (recalled ? t.wasRecalled : isVideoLink(content) ? t.sentVideo : content);
}
