import type { ReactNode } from "react";
import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { Message, User } from "../api/types.ts";
import { noticeText } from "../groups/notice-text.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { MessageContent } from "./message-content.tsx";
import type { Outgoing } from "./outbox.ts";

/** After a pause of this length the time is shown. */
const PAUSE_MS = 5 * 60_000;

interface Props {
  label: string;
  /** Who has said it. */
  people: ReadonlyMap<string, User>;
  /** Whether to say who has said what. */
  named?: boolean;
  empty: ReactNode;
  messages: readonly Message[];
  outbox: readonly Outgoing[];
  hasOlder: boolean;
  onOlder: () => unknown;
  onAgain: () => void;
  onDrop: (key: string) => void;
}

/** The messages, the newest at the lower edge; older ones load when one scrolls up to them. */
export function Bubbles(props: Props) {
  const { label, people, named, empty, messages, outbox, hasOlder, onOlder, onAgain, onDrop } = props;
  const { t, format } = useI18n();
  const me = useUser();
  const nameOf = (id: string) => people.get(id)?.name ?? t.groups.somebody;
  const top = useNearEnd<HTMLLIElement>(hasOlder, onOlder);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
    <div className="chat-scroller" tabIndex={0} role="log" aria-label={label}>
      <ol className="bubbles">
        <li ref={top} />
        {messages.map((message, i) => {
          const before = messages[i - 1];
          const next = messages[i + 1];
          const theirs = message.senderId !== me?.id;
          const paused = !before || Date.parse(message.sentAt) - Date.parse(before.sentAt) > PAUSE_MS;
          const author = people.get(message.senderId);
          const goesOn = !next?.notice && next?.senderId === message.senderId;
          const begins = paused || before.notice || before.senderId !== message.senderId;
          return (
            <li
              key={message.id}
              className="bubble-row"
              data-theirs={theirs}
              data-notice={message.notice && true}
            >
              {paused && (
                <time className="bubble-time" dateTime={message.sentAt}>
                  {format.moment(message.sentAt)}
                </time>
              )}
              {message.notice ? (
                <p className="bubble-notice" dir="auto">
                  {noticeText(t, message, (id) => (id === me?.id ? t.groups.you : nameOf(id)))}
                </p>
              ) : (
                <>
                  {theirs && named && begins && (
                    <span className="bubble-name" dir="auto" aria-hidden="true">
                      {nameOf(message.senderId)}
                    </span>
                  )}
                  {theirs &&
                    (goesOn || !author ? (
                      <i className="bubble-space" />
                    ) : named ? (
                      <Link href={`/user/${author.id}`} aria-label={t.toProfileOf(author.name)}>
                        <Avatar user={author} size={30} />
                      </Link>
                    ) : (
                      <Avatar user={author} size={30} />
                    ))}
                  <MessageContent content={message.content} by={theirs ? nameOf(message.senderId) : t.you} />
                </>
              )}
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
      {messages.length + outbox.length === 0 && <div className="chat-empty">{empty}</div>}
    </div>
  );
}
