import type { ReactNode, RefObject } from "react";
import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { Message, User } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { Arrivals } from "./arrivals.tsx";
import { MessageBubble } from "./message-bubble.tsx";
import { MessageContent } from "./message-content.tsx";
import type { Outgoing } from "./outbox.ts";
import { Quote } from "./quote.tsx";
import { useLineOf } from "./use-line-of.ts";
import { useMessageActs } from "./use-message-acts.ts";
import { useNameOf } from "./use-name-of.ts";
import { WaitingPictures } from "./waiting-pictures.tsx";

/** After a pause of this length the time is shown. */
const PAUSE_MS = 5 * 60_000;

/** So near to its end the newest messages are in view. */
const END_PX = 60;

export const rowId = (messageId: string) => `message-${messageId}`;

interface Props {
  conversationId: string;
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
  /** Others than the newest are being loaded. */
  isBusy: boolean;
  scrollerRef: RefObject<HTMLDivElement | null>;
  /** How many have come below what is in view. */
  unseen: number;
  /** Whether the newest messages are in view. */
  onAtEnd: (is: boolean) => void;
  /** To go there. */
  onEnd: () => void;
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
export function Bubbles(props: Props) {
  const {
    conversationId,
    label,
    people,
    named,
    empty,
    messages,
    outbox,
    hasOlder,
    onOlder,
    onAgain,
    onDrop,
    isBusy,
    scrollerRef,
    unseen,
    onAtEnd,
    onEnd,
  } = props;
  const { t, format } = useI18n();
  const me = useUser();
  const acts = useMessageActs(conversationId);
  const nameOf = useNameOf(people);
  const top = useNearEnd<HTMLLIElement>(hasOlder, onOlder);
  const lineOf = useLineOf(nameOf);
  return (
    <div className="chat-said">
      <div
        ref={scrollerRef}
        className="chat-scroller"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys.
        tabIndex={0}
        role="log"
        // It grows at both ends; what arrives is said below.
        aria-live="off"
        aria-busy={isBusy}
        aria-label={label}
        // It is reversed: its lower end is at 0.
        onScroll={({ currentTarget }) => onAtEnd(currentTarget.scrollTop > -END_PX)}
      >
        <ol className="bubbles">
          <li ref={top} />
          {messages.map((message, i) => {
            const before = messages[i - 1];
            const next = messages[i + 1];
            const theirs = message.senderId !== me?.id;
            const paused = !before || Date.parse(message.sentAt) - Date.parse(before.sentAt) > PAUSE_MS;
            const author = people.get(message.senderId);
            const isSame = (other?: Message) =>
              other?.senderId === message.senderId && !other.notice && !other.recalled;
            const goesOn = isSame(next);
            const begins = paused || !isSame(before);
            return (
              <li
                key={message.id}
                id={rowId(message.id)}
                className="bubble-row"
                data-theirs={theirs}
                data-notice={message.notice && true}
                data-sought={message.id === props.sought}
              >
                {paused && (
                  <time className="bubble-time" dateTime={message.sentAt}>
                    {format.moment(message.sentAt)}
                  </time>
                )}
                {message.notice ? (
                  <p className="bubble-notice" dir="auto">
                    {lineOf(message)}
                  </p>
                ) : (
                  <>
                    {theirs && named && begins && !message.recalled && (
                      <span className="bubble-name" dir="auto" aria-hidden="true">
                        {nameOf(message.senderId)}
                      </span>
                    )}
                    {theirs &&
                      !message.recalled &&
                      (goesOn || !author ? (
                        <i className="bubble-space" />
                      ) : named ? (
                        <Link href={`/user/${author.id}`} aria-label={t.toProfileOf(author.name)}>
                          <Avatar user={author} size={30} />
                        </Link>
                      ) : (
                        <Avatar user={author} size={30} />
                      ))}
                    <MessageBubble
                      conversationId={conversationId}
                      message={message}
                      own={!theirs}
                      nameOf={nameOf}
                      acts={acts}
                      onReply={props.onReply}
                      onGoTo={props.onGoTo}
                    />
                  </>
                )}
              </li>
            );
          })}
          {outbox.map((outgoing) => (
            <li key={outgoing.key} className="bubble-row" data-failed={outgoing.failed}>
              <MessageContent
                conversationId={conversationId}
                message={outgoing}
                quote={outgoing.replyTo && <Quote quote={outgoing.replyTo} nameOf={nameOf} />}
              />
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
          <WaitingPictures peerId={conversationId} nameOf={nameOf} />
          {props.newer && (
            <li className="bubble-newer">
              {props.newer.hasMore && (
                <button type="button" className="button" onClick={props.newer.onMore}>
                  {t.newerMessages}
                </button>
              )}
              <button type="button" className="button button-primary" onClick={props.newer.onNewest}>
                {t.newestMessages}
              </button>
            </li>
          )}
        </ol>
        {messages.length + outbox.length === 0 && <div className="chat-empty">{empty}</div>}
      </div>
      {unseen > 0 && (
        <button type="button" className="button button-primary chat-unseen" onClick={onEnd}>
          {t.newMessages(unseen)} ↓
        </button>
      )}
      {!props.newer && <Arrivals messages={messages} lineOf={lineOf} />}
    </div>
  );
}
