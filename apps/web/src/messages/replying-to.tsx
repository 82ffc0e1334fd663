import type { Message, User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { CloseIcon } from "../ui/icons.tsx";
import { quoteOf } from "./message-cache.ts";
import { Quote } from "./quote.tsx";
import { useNameOf } from "./use-name-of.ts";

interface Props {
  message: Message;
  people: ReadonlyMap<string, User>;
  onCancel: () => void;
}

/** The message that the viewer is answering, above the field. */
export function ReplyingTo({ message, people, onCancel }: Props) {
  const { t } = useI18n();
  const nameOf = useNameOf(people);
  return (
    <div className="composer-to">
      <Quote quote={quoteOf(message)} nameOf={nameOf} />
      <button type="button" aria-label={t.cancelReply} onClick={onCancel}>
        <CloseIcon size={16} />
      </button>
    </div>
  );
}
