import { useUser } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { noticeText } from "../groups/notice-text.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useSummary } from "./use-summary.ts";

/** Who says what, or what has happened in a group, in one line. */
export function useLineOf(nameOf: (userId: string) => string): (message: Message) => string {
  const { t } = useI18n();
  const me = useUser();
  const summary = useSummary();
  return (message) =>
    message.notice
      ? noticeText(t, message, (id) => (id === me?.id ? t.groups.you : nameOf(id)))
      : t.groups.said(nameOf(message.senderId), summary(message));
}
