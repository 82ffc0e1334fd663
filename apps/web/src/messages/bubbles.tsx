import type { Message, User } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { MessageContent } from "./message-content.tsx";
import type { Outgoing } from "./outbox.ts";

/** After a pause of this length the time is shown. */
const PAUSE_MS = 5 * 60_000;

interface Props {
  peer: User;
  messages: readonly Message[];
  outbox: readonly Outgoing[];
  hasOlder: boolean;
  onOlder: () => unknown;
  onAgain: () => void;
  onDrop: (key: string) => void;
}

/** The messages, the newest at the lower edge; older ones load when one scrolls up to them. */
export function Bubbles({ peer, messages, outbox, hasOlder, onOlder, onAgain, onDrop }: Props) {
  const { t, format } = useI18n();
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
            <li key={message.id} className="bubble-row" data-theirs={theirs}>
              {paused && (
                <time className="bubble-time" dateTime={message.sentAt}>
                  {format.moment(message.sentAt)}
                </time>
              )}
              {theirs &&
                (next?.senderId === peer.id ? (
                  <i className="bubble-space" />
                ) : (
                  <Avatar user={peer} size={30} />
                ))}
              <MessageContent content={message.content} by={theirs ? peer.name : t.you} />
            </li>
          );
        })}
        {outbox.map((outgoing) => (
          <li key={outgoing.key} className="bubble-row" data-failed={outgoing.failed}>
            <MessageContent content={outgoing.content} />
            {outgoing.failed && (
              <div className="bubble-failed" role="alert">
                <AlertIcon size={16} />
                {t.notSent}
                {/* The network's absence is told once, for all. */}
                {outgoing.problem?.status ? <span>{explain(t, outgoing.problem)}</span> : null}
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
