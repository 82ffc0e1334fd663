import type { Message, User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { MessageBubble } from "./message-bubble.tsx";
import { MessageContent } from "./message-content.tsx";
import type { Outgoing } from "./outbox.ts";
import { Quote } from "./quote.tsx";
import { useMessageActs } from "./use-message-acts.ts";
import { WaitingPictures } from "./waiting-pictures.tsx";

/** After a pause of this length the time is shown. */
const PAUSE_MS = 5 * 60_000;

export const rowId = (messageId: string) => `message-${messageId}`;

interface Props {
  peer: User;
  messages: readonly Message[];
  outbox: readonly Outgoing[];
  hasOlder: boolean;
  onOlder: () => unknown;
  onAgain: () => void;
  onDrop: (key: string) => void;
  onReply: (message: Message) => void;
  onGoTo: (messageId: string) => void;
  /** The message that was gone to. */
  sought: string | undefined;
  /** Where the newest messages are not shown: how to get there. */
  newer?: { hasMore: boolean; onMore: () => unknown; onNewest: () => void } | undefined | "";
}

/** The messages, the newest at the lower edge; older ones load when one scrolls up to them. */
export function Bubbles({ peer, messages, outbox, hasOlder, onOlder, onAgain, onDrop, ...go }: Props) {
  const { t, format } = useI18n();
  const acts = useMessageActs(peer.id);
  const nameOf = (userId: string) => (userId === peer.id ? peer.name : t.you);
  const top = useNearEnd<HTMLLIElement>(hasOlder, onOlder);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
    <div className="chat-scroller" tabIndex={0} role="log" aria-label={t.conversationWith(peer.name)}>
      <ol className="bubbles">
        <li ref={top} />
        {messages.map((message, i) => {
          const before = messages[i - 1];
          const next = messages[i + 1];
          const theirs = message.senderId === peer.id;
          const paused = !before || Date.parse(message.sentAt) - Date.parse(before.sentAt) > PAUSE_MS;
          return (
            <li
              key={message.id}
              id={rowId(message.id)}
              className="bubble-row"
              data-theirs={theirs}
              data-sought={message.id === go.sought}
            >
              {paused && (
                <time className="bubble-time" dateTime={message.sentAt}>
                  {format.moment(message.sentAt)}
                </time>
              )}
              {theirs &&
                !message.recalled &&
                (next?.senderId === peer.id ? (
                  <i className="bubble-space" />
                ) : (
                  <Avatar user={peer} size={30} />
                ))}
              <MessageBubble
                conversationId={peer.id}
                message={message}
                own={!theirs}
                nameOf={nameOf}
                acts={acts}
                onReply={go.onReply}
                onGoTo={go.onGoTo}
              />
            </li>
          );
        })}
        {outbox.map((outgoing) => (
          <li key={outgoing.key} className="bubble-row" data-failed={outgoing.failed}>
            <MessageContent
              conversationId={peer.id}
              message={outgoing}
              quote={outgoing.replyTo && <Quote quote={outgoing.replyTo} nameOf={nameOf} />}
            />
            {outgoing.failed && (
              <div className="bubble-failed" role="alert">
                <AlertIcon size={16} />
                {t.notSent}
                <button type="button" onClick={onAgain}>
                  {t.retry}
                </button>
                <button type="button" onClick={() => onDrop(outgoing.key)}>
                  {t.deleteAction}
                </button>
              </div>
            )}
          </li>
        ))}
        <WaitingPictures peerId={peer.id} />
        {go.newer && (
          <li className="bubble-newer">
            {go.newer.hasMore && (
              <button type="button" className="button" onClick={go.newer.onMore}>
                {t.newerMessages}
              </button>
            )}
            <button type="button" className="button button-primary" onClick={go.newer.onNewest}>
              {t.newestMessages}
            </button>
          </li>
        )}
      </ol>
      {messages.length + outbox.length === 0 && (
        <div className="chat-empty">
          <Avatar user={peer} size={80} />
          <p>{t.sayHello(peer.name)}</p>
        </div>
      )}
    </div>
  );
}
