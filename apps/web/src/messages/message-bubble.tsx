import { type MouseEvent, useState } from "react";
import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { MoreIcon } from "../ui/icons.tsx";
import { MessageContent } from "./message-content.tsx";
import { MessageMenu } from "./message-menu.tsx";
import { Quote } from "./quote.tsx";
import { ReactionList } from "./reaction-list.tsx";
import { useLongPress } from "./use-long-press.ts";
import type { MessageActs } from "./use-message-acts.ts";
import "./message-bubble.css";

interface Props {
  conversationId: string;
  message: Message;
  own: boolean;
  /** Of whom it is, and of whom what it answers. */
  nameOf: (userId: string) => string;
  acts: MessageActs;
  onReply: (message: Message) => void;
  onGoTo: (messageId: string) => void;
}

/** A message that was sent, with what it answers and how people react, and what can be done with it. */
export function MessageBubble({ conversationId, message, own, nameOf, acts, onReply, onGoTo }: Props) {
  const { t } = useI18n();
  const [open, setOpen] = useState<"menu" | "reactions" | null>(null);
  const press = useLongPress(() => setOpen("menu"));
  if (message.recalled) {
    const byPerson = own ? t.youRecalled : t.recalledBy(nameOf(message.senderId));
    return (
      <p className="bubble-recalled" dir="auto">
        {message.takenDown ? t.messageTakenDown : byPerson}
      </p>
    );
  }
  /** The browser's own menu of links and of chosen text stays. */
  function onContextMenu(event: MouseEvent) {
    if ((event.target as Element).closest("a") || !getSelection()?.isCollapsed) return;
    event.preventDefault();
    setOpen("menu");
  }
  return (
    <div className="bubble-around">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button beside it does the same. */}
      <div className="bubble-touch" onContextMenu={onContextMenu} {...press}>
        <MessageContent
          conversationId={conversationId}
          message={message}
          by={own ? t.you : nameOf(message.senderId)}
          quote={message.replyTo && <Quote quote={message.replyTo} nameOf={nameOf} onGoTo={onGoTo} />}
        />
      </div>
      <button
        type="button"
        className="icon-button bubble-more"
        aria-label={t.messageActions}
        aria-haspopup="dialog"
        onClick={() => setOpen("menu")}
      >
        <MoreIcon size={18} />
      </button>
      <ReactionList
        conversationId={conversationId}
        message={message}
        acts={acts}
        open={open === "reactions"}
        onClose={() => setOpen(null)}
      />
      {open === "menu" && (
        <MessageMenu
          conversationId={conversationId}
          message={message}
          own={own}
          acts={acts}
          onReply={() => onReply(message)}
          onReactions={() => setOpen("reactions")}
          onClose={() => setOpen(null)}
        />
      )}
    </div>
  );
}
