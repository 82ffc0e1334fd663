import { useState } from "react";
import { useUser } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ReportDialog } from "../moderation/report-dialog.tsx";
import { Dialog } from "../ui/dialog.tsx";
import {
  AlertIcon,
  CopyIcon,
  ForwardIcon,
  PersonIcon,
  ReplyIcon,
  TrashIcon,
  UndoIcon,
} from "../ui/icons.tsx";
import { useToast } from "../ui/toast.tsx";
import { offered } from "./reaction.ts";
import { SendToFriends } from "./send-to-friends.tsx";
import type { MessageActs } from "./use-message-acts.ts";
import "../ui/menu.css";

/** The server takes one back for so long; a little more, since clocks differ, and it says if it is too late. */
const RECALL_MS = 150_000;

interface Props {
  conversationId: string;
  message: Message;
  own: boolean;
  acts: MessageActs;
  onReply: () => void;
  onReactions: () => void;
  onClose: () => void;
}

/** What one can do with a message. */
export function MessageMenu({ conversationId, message, own, acts, onReply, onReactions, onClose }: Props) {
  const { t } = useI18n();
  const me = useUser();
  const [isForwarding, setForwarding] = useState(false);
  const [isReporting, setReporting] = useState(false);
  const toast = useToast();
  const { reactions = [], content } = message;
  const canRecall = own && Date.now() - Date.parse(message.sentAt) < RECALL_MS;
  const then = (act: () => void) => () => {
    onClose();
    act();
  };
  const copy = () =>
    navigator.clipboard.writeText(content).then(
      () => toast(t.textCopied),
      () => toast(t.textNotCopied),
    );
  if (isReporting)
    return <ReportDialog subject={{ kind: "message", id: message.id, conversationId }} onClose={onClose} />;
  if (isForwarding && me)
    return (
      <Dialog title={t.forward} onClose={onClose}>
        <SendToFriends me={me} what={{ forward: { conversationId, messageId: message.id } }} />
      </Dialog>
    );
  return (
    <Dialog title={t.messageActions} onClose={onClose}>
      <fieldset className="reaction-choice">
        <legend className="unseen">{t.react}</legend>
        {offered.map((emoji) => (
          <button
            key={emoji}
            type="button"
            aria-pressed={reactions.some((one) => one.emoji === emoji && one.own)}
            onClick={then(() => acts.react(message, emoji))}
          >
            {emoji}
          </button>
        ))}
      </fieldset>
      <div className="menu">
        <button type="button" onClick={then(onReply)}>
          <ReplyIcon />
          {t.reply}
        </button>
        <button type="button" onClick={() => setForwarding(true)}>
          <ForwardIcon />
          {t.forward}
        </button>
        {content !== "" && (
          <button type="button" onClick={then(copy)}>
            <CopyIcon />
            {t.copyText}
          </button>
        )}
        {reactions.length > 0 && (
          <button type="button" onClick={onReactions}>
            <PersonIcon />
            {t.whoReacted}
          </button>
        )}
        {canRecall && (
          <button type="button" onClick={then(() => acts.recall(message))}>
            <UndoIcon />
            {t.recall}
          </button>
        )}
        {!own && (
          <button type="button" onClick={() => setReporting(true)}>
            <AlertIcon />
            {t.report}
          </button>
        )}
        <button type="button" className="menu-danger" onClick={then(() => acts.hide(message))}>
          <TrashIcon />
          {t.deleteForMe}
        </button>
      </div>
    </Dialog>
  );
}
