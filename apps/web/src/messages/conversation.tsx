import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Link, useLocation } from "wouter";
import { asProblem } from "../api/problem.ts";
import { userQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Message, User } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { FollowButton } from "../social/follow-button.tsx";
import { useBlock } from "../social/use-block.ts";
import { Avatar } from "../ui/avatar.tsx";
import { CloseIcon } from "../ui/icons.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { Bubbles, rowId } from "./bubbles.tsx";
import { quoteOf } from "./message-cache.ts";
import { MessageComposer } from "./message-composer.tsx";
import { messageDraft } from "./outbox.ts";
import { Quote } from "./quote.tsx";
import { useConversation } from "./use-conversation.ts";
import { useGoTo } from "./use-go-to.ts";
import { useSend } from "./use-send.ts";

interface Props {
  peerId: string;
  /** The message to begin at; absent: the newest. */
  around?: string | undefined;
  /** The page contains nothing else. */
  alone: boolean;
}

/** The conversation with one person. */
export function Conversation({ peerId, around, alone }: Props) {
  const Heading = alone ? "h1" : "h2";
  const { t } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const { data: peer, error, refetch } = useQuery(userQuery(api, peerId));
  usePageTitle(peer?.name ?? t.messages);
  return (
    <section className="chat" aria-label={peer?.name ?? t.messages}>
      <header className="chat-head">
        <span className="chat-back">
          <BackButton otherwise="/messages" />
        </span>
        {peer && (
          <Link href={`/user/${peer.id}`} className="chat-who">
            <Avatar user={peer} size={38} />
            <span className="chat-name">
              <Heading dir="auto">{peer.name}</Heading>
              {peer.followed && peer.followsYou && <small>{t.friends}</small>}
            </span>
          </Link>
        )}
      </header>
      {me?.id === peerId ? (
        <Notice title={t.reasons.WRITES_TO_SELF} />
      ) : peer ? (
        <Talk key={around} peer={peer} around={around} />
      ) : error ? (
        <Notice title={t.conversationFailed} body={explain(t, error)}>
          {asProblem(error).status !== 404 && <RetryButton error={error} onRetry={refetch} />}
        </Notice>
      ) : (
        <Spinner label={t.loading} />
      )}
    </section>
  );
}

function Talk({ peer, around }: { peer: User; around: string | undefined }) {
  const { t } = useI18n();
  const { drafts, pictureOutbox, realtime } = useServices();
  const offline = useSyncExternalStore(realtime.subscribe, realtime.isOffline);
  const where = messageDraft(peer.id);
  const [text, setText] = useState(() => drafts.get(where));
  const write = (next: string) => {
    setText(next);
    drafts.set(where, next);
  };
  const { messages, data, error, refetch, ...older } = useConversation(peer.id, around);
  const { waiting, send, again, drop, refused } = useSend(peer.id, () => setText(drafts.get(where)));
  const hasOlder = older.hasNextPage && !older.isFetching && !error;
  const { sought, goTo } = useGoTo({
    has: (id) => messages.some((message) => message.id === id),
    hasOlder: older.hasNextPage && !error,
    isFetching: older.isFetching,
    onOlder: older.fetchNextPage,
    rowId,
  });
  const isLoaded = data !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, as soon as it can be seen.
  useEffect(() => {
    if (around && isLoaded) goTo(around);
  }, [around, isLoaded]);
  const [, navigate] = useLocation();
  const toNewest = () => navigate(`/messages/${peer.id}`, { replace: true });
  const field = useRef<HTMLTextAreaElement>(null);
  const [replyTo, setReplyTo] = useState<Message>();
  if (!data)
    return error ? (
      <Notice title={t.conversationFailed} body={explain(t, error)}>
        <RetryButton error={error} onRetry={refetch} />
      </Notice>
    ) : (
      <Spinner label={t.loading} />
    );
  const friends = peer.followed && peer.followsYou;
  const answered = messages.some((message) => message.senderId === peer.id);
  const stranger = !friends && !answered && !older.hasNextPage;
  return (
    <>
      <Bubbles
        peer={peer}
        messages={messages}
        outbox={waiting}
        hasOlder={hasOlder}
        onOlder={older.fetchNextPage}
        onAgain={again}
        onDrop={drop}
        onReply={(message) => {
          setReplyTo(message);
          // After the menu has given the focus back.
          setTimeout(() => field.current?.focus());
        }}
        onGoTo={goTo}
        sought={sought}
        newer={
          around && {
            hasMore: older.hasPreviousPage && !older.isFetching,
            onMore: older.fetchPreviousPage,
            onNewest: toNewest,
          }
        }
      />
      {peer.blocked ? (
        <Blocked peer={peer} />
      ) : refused ? (
        <div className="chat-note chat-refused" role="alert">
          <p>{refused.reason === "STRANGER_LIMIT" ? t.strangerRefused(peer.name) : explain(t, refused)}</p>
          {refused.reason === "STRANGER_LIMIT" && !peer.followed && <FollowButton user={peer} />}
        </div>
      ) : (
        stranger && <p className="chat-note">{t.strangerHint(peer.name)}</p>
      )}
      {offline && (
        <p className="chat-note" role="status">
          {t.offlineNote}
        </p>
      )}
      {!peer.blocked && (
        <MessageComposer
          fieldRef={field}
          text={text}
          onText={write}
          onPictures={(files) => pictureOutbox.add(peer.id, files)}
          onSend={(content) => {
            send(content, replyTo ? { replyTo: quoteOf(replyTo) } : {});
            setReplyTo(undefined);
            write("");
            if (around) toNewest();
          }}
        >
          {replyTo && (
            <div className="composer-to">
              <Quote quote={quoteOf(replyTo)} nameOf={(userId) => (userId === peer.id ? peer.name : t.you)} />
              <button type="button" aria-label={t.cancelReply} onClick={() => setReplyTo(undefined)}>
                <CloseIcon size={16} />
              </button>
            </div>
          )}
        </MessageComposer>
      )}
    </>
  );
}

/** Instead of a field: a block stops messages in both directions. */
function Blocked({ peer }: { peer: User }) {
  const { t } = useI18n();
  const block = useBlock(peer);
  return (
    <div className="chat-note chat-refused">
      <p>{t.youBlocked(peer.name)}</p>
      <button type="button" className="button" disabled={block.isPending} onClick={() => block.mutate(false)}>
        {t.unblock}
      </button>
    </div>
  );
}
