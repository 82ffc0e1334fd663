import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";

interface Props {
  quote: NonNullable<Message["replyTo"]>;
  nameOf: (userId: string) => string;
  /** Absent: it cannot be gone to from here. */
  onGoTo?: (messageId: string) => void;
}

/** The message that another one answers; a tap goes to it. */
export function Quote({ quote: { id, senderId, text, recalled, shows }, nameOf, onGoTo }: Props) {
  const { t } = useI18n();
  const shown = shows && t.shown[shows];
  const isThere = senderId !== undefined && !recalled;
  const content = (
    <>
      {senderId && <b dir="auto">{nameOf(senderId)}</b>}
      <span dir="auto">{recalled ? t.wasRecalled : senderId ? text || shown : t.messageGone}</span>
    </>
  );
  if (!isThere || !onGoTo) return <div className="quote">{content}</div>;
  return (
    <button type="button" className="quote" onClick={() => onGoTo(id)}>
      <span className="unseen">{t.inReplyTo}</span>
      {content}
    </button>
  );
}
