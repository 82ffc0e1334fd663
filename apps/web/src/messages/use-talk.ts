import { useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { useLocation } from "wouter";
import { useServices, useUser } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { rowId } from "./bubbles.tsx";
import { quoteOf } from "./message-cache.ts";
import { messageDraft } from "./outbox.ts";
import { useConversation } from "./use-conversation.ts";
import { useGoTo } from "./use-go-to.ts";
import { useSend } from "./use-send.ts";

interface Options {
  conversationId: string;
  /** Of the page where its newest messages are. */
  path: string;
  /** The message to begin at; absent: the newest. */
  around: string | undefined;
}

/** What is said in a conversation, with a person or in a group, and what the viewer writes in it. */
export function useTalk({ conversationId, path, around }: Options) {
  const { drafts, pictureOutbox, realtime } = useServices();
  const offline = useSyncExternalStore(realtime.subscribe, realtime.isOffline);
  const where = messageDraft(conversationId);
  const [text, setText] = useState(() => drafts.get(where));
  const write = (next: string) => {
    setText(next);
    drafts.set(where, next);
  };
  /** The newest message when the viewer went away from the end; absent: the end is in view. */
  const [leftAt, setLeftAt] = useState<string>();
  const { messages, people, data, error, refetch, ...pages } = useConversation(
    ...([conversationId, around, leftAt === undefined] as const),
  );
  const me = useUser();
  const unseen = leftAt
    ? messages.filter(({ id, senderId }) => BigInt(id) > BigInt(leftAt) && senderId !== me?.id).length
    : 0;
  const scrollerRef = useRef<HTMLDivElement>(null);
  const toEnd = () => scrollerRef.current?.scrollTo(0, 0);
  const { waiting, send, again, drop, refused } = useSend(conversationId, () => setText(drafts.get(where)));
  const { sought, goTo } = useGoTo({
    has: (id) => messages.some((message) => message.id === id),
    hasOlder: pages.hasNextPage && !error,
    isFetching: pages.isFetching,
    onOlder: pages.fetchNextPage,
    rowId,
  });
  const isLoaded = data !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, as soon as it can be seen.
  useEffect(() => {
    if (!around || !isLoaded) return;
    goTo(around);
    // What was said next belongs to it.
    if (pages.hasPreviousPage) void pages.fetchPreviousPage();
  }, [around, isLoaded]);
  const newestId = messages.at(-1)?.id;
  const lastRef = useRef(newestId);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for what has come.
  useLayoutEffect(() => {
    const { current: last } = lastRef;
    lastRef.current = newestId;
    // A list whose end is in view shows its new end, and what lies between would be skipped.
    if (around && last && last !== newestId && leftAt === undefined)
      document.getElementById(rowId(last))?.scrollIntoView({ block: "start" });
  }, [newestId]);
  const [, navigate] = useLocation();
  const toNewest = () => navigate(path, { replace: true });
  const fieldRef = useRef<HTMLTextAreaElement>(null);
  const [replyTo, setReplyTo] = useState<Message>();
  const onSent = () => {
    setReplyTo(undefined);
    if (around) toNewest();
    else toEnd();
  };
  return {
    ...{ messages, people, isLoaded, error, refetch, refused, offline },
    hasOlder: pages.hasNextPage,
    peerReadUpTo: pages.peerReadUpTo,
    replyTo,
    cancelReply: () => setReplyTo(undefined),
    bubbles: {
      ...{ conversationId, messages, outbox: waiting, sought, scrollerRef, unseen },
      onAtEnd: (is: boolean) => setLeftAt((before) => (is ? undefined : (before ?? messages.at(-1)?.id))),
      onEnd: toEnd,
      isBusy: pages.isFetchingNextPage || pages.isFetchingPreviousPage,
      hasOlder: pages.hasNextPage && !pages.isFetching && !error,
      onOlder: pages.fetchNextPage,
      onAgain: again,
      onDrop: drop,
      onReply: (message: Message) => {
        setReplyTo(message);
        // After the menu has given the focus back.
        setTimeout(() => fieldRef.current?.focus());
      },
      onGoTo: goTo,
      newer: around && {
        // Also while they are on their way, so that the button keeps the focus.
        hasMore: pages.hasPreviousPage,
        onMore: () => pages.fetchPreviousPage({ cancelRefetch: false }),
        onNewest: toNewest,
      },
    },
    composer: {
      ...{ fieldRef, text },
      onText: write,
      onPictures: (files: File[]) => {
        pictureOutbox.add(conversationId, files, replyTo && quoteOf(replyTo));
        onSent();
      },
      onSend: (content: string) => {
        send(content, replyTo ? { replyTo: quoteOf(replyTo) } : {});
        write("");
        onSent();
      },
    },
  };
}
