import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { afterAnswers } from "../api/after-answers.ts";
import type { Conversation, ConversationPage, Group, Message, MessagePage, Unread } from "../api/types.ts";

type Messages = InfiniteData<MessagePage>;
type Conversations = InfiniteData<ConversationPage>;

type Quote = NonNullable<Message["replyTo"]>;
const QUOTED_CHARACTERS = 200;

/** A message, where another one answers it. */
export function quoteOf({ id, senderId, content, recalled, ...message }: Message): Quote {
  const text = [...content].slice(0, QUOTED_CHARACTERS).join("");
  const shows = whatShows(message);
  return { id, senderId, text, ...(recalled && { recalled }), ...(shows && { shows }) };
}
export function whatShows({
  picture,
  videoId,
  profileId,
}: {
  picture?: unknown;
  videoId?: string | undefined;
  profileId?: string | undefined;
}) {
  return picture ? "picture" : videoId ? "video" : profileId ? "profile" : undefined;
}
const quoting = (message: Message, id: string, quote: Quote): Message =>
  message.replyTo?.id === id ? { ...message, replyTo: quote } : message;

const names = ({ entities }: Message, userId: string) =>
  entities?.some((entity) => entity.userId === userId) ?? false;

const isLater = (id: string, than: string) => BigInt(id) > BigInt(than);

/** Writes news of conversations into every list that shows them. */
export function createMessageCache(cache: QueryClient) {
  /** Now, and `afterwards` in an answer that is under way, which may be from before. */
  function change(queryKey: readonly string[], act: () => void, afterwards = act) {
    act();
    afterAnswers(cache, { queryKey, exact: true }, afterwards);
  }

  function addToMessages(peerId: string, message: Message) {
    cache.setQueryData<Messages>(["messages", peerId], (known) => {
      const [newest, ...older] = known?.pages ?? [];
      if (!known || !newest || newest.items.some(({ id }) => id === message.id)) return known;
      // What was missed may come after one's own answer.
      const items = [...newest.items, message].sort((one, other) => (isLater(one.id, other.id) ? 1 : -1));
      return { ...known, pages: [{ ...newest, items }, ...older] };
    });
  }
  /** Changes what is known of a conversation, also around a message that was searched for. */
  function mapPages(peerId: string, change: (page: MessagePage) => MessagePage) {
    cache.setQueriesData<Messages>(
      { queryKey: ["messages", peerId] },
      (known) => known && { ...known, pages: known.pages.map(change) },
    );
  }
  /** Changes the messages of a conversation that are known; one that becomes undefined is gone. */
  const mapMessages = (peerId: string, change: (message: Message) => Message | undefined) =>
    mapPages(peerId, (page) => ({ ...page, items: page.items.flatMap((message) => change(message) ?? []) }));
  function mapConversations(change: (one: Conversation) => Conversation) {
    cache.setQueryData<Conversations>(
      ["conversations"],
      (known) =>
        known && { ...known, pages: known.pages.map((page) => ({ ...page, items: page.items.map(change) })) },
    );
  }
  const replaceLatest = (peerId: string, message: Message) =>
    mapConversations((one) =>
      one.id === peerId && one.latest.id === message.id ? { ...one, latest: message } : one,
    );
  /** Moves the conversation up; one that is not known is fetched with the others. `counted`: in the number of unread ones. */
  function addToConversations(
    peerId: string,
    message: Message,
    own: boolean,
    ownId: string,
    counted: boolean,
  ) {
    const lists = cache.getQueryData<Conversations>(["conversations"]);
    if (!lists) return;
    const found = lists.pages.flatMap(({ items }) => items).find((one) => one.id === peerId);
    if (!found) return void cache.invalidateQueries({ queryKey: ["conversations"] });
    const isLatest = isLater(message.id, found.latest.id);
    const isUnread = !own && !message.notice && (isLatest || !counted);
    if (!isLatest && !isUnread) return;
    const moved = {
      ...found,
      latest: isLatest ? message : found.latest,
      unread: found.unread + Number(isUnread),
      mentions: found.mentions + Number(isUnread && names(message, ownId)),
    };
    cache.setQueryData<Conversations>(["conversations"], {
      ...lists,
      pages: lists.pages.map((page, i) => {
        const others = page.items.filter((one) => one !== found);
        return { ...page, items: i === 0 ? [moved, ...others] : others };
      }),
    });
  }
  /** The messages of others after one; undefined: they are not known. */
  function othersAfter(peerId: string, upTo: string, ownId: string): Message[] | undefined {
    const known = cache.getQueryData<Messages>(["messages", peerId]);
    const items = known?.pages.flatMap((page) => page.items);
    if (!items?.some(({ id }) => id === upTo)) return undefined;
    return items.filter(({ id, senderId, notice }) => isLater(id, upTo) && senderId !== ownId && !notice);
  }
  function markRead(peerId: string, upTo: string, ownId: string) {
    const lists = cache.getQueryData<Conversations>(["conversations"]);
    const found = lists?.pages.flatMap(({ items }) => items).find((one) => one.id === peerId);
    if (!lists || !found || found.unread === 0) return;
    const isAll = !isLater(found.latest.id, upTo) || (!found.group && found.latest.senderId !== peerId);
    const rest = isAll ? [] : othersAfter(peerId, upTo, ownId);
    if (!rest) return void cache.invalidateQueries({ queryKey: ["conversations"] });
    const mentions = rest.filter((message) => names(message, ownId)).length;
    mapConversations((one) => (one.id === peerId ? { ...one, unread: rest.length, mentions } : one));
  }

  return {
    /**
     * A message of the viewer with `peerId`, or in that group, is there; each is told once. Only their own may be told again.
     */
    add(peerId: string, message: Message, ownId = message.senderId === peerId ? "" : message.senderId) {
      const own = message.senderId === ownId;
      change(["messages", peerId], () => addToMessages(peerId, message));
      change(
        ["conversations"],
        () => addToConversations(peerId, message, own, ownId, false),
        () => addToConversations(peerId, message, own, ownId, true),
      );
    },
    /** The viewer is in this conversation no more. */
    remove(peerId: string) {
      change(["conversations"], () =>
        cache.setQueryData<Conversations>(
          ["conversations"],
          (lists) =>
            lists && {
              ...lists,
              pages: lists.pages.map((page) => ({
                ...page,
                items: page.items.filter((one) => one.id !== peerId),
              })),
            },
        ),
      );
    },
    /** A message that was there is this now, and so is what quotes it. */
    change(peerId: string, message: Message) {
      change(["messages", peerId], () =>
        mapMessages(peerId, (one) =>
          one.id === message.id ? message : quoting(one, message.id, quoteOf(message)),
        ),
      );
      change(["conversations"], () => replaceLatest(peerId, message));
    },
    /** Changes a message at once, before it is told what it is now. */
    touch(peerId: string, messageId: string, by: (message: Message) => Message) {
      mapMessages(peerId, (one) => (one.id === messageId ? by(one) : one));
    },
    /** The viewer has removed a message for themselves. */
    hide(peerId: string, messageId: string) {
      change(["messages", peerId], () =>
        mapMessages(peerId, (one) =>
          one.id === messageId ? undefined : quoting(one, messageId, { id: messageId, text: "" }),
        ),
      );
      // Another one is the latest now perhaps.
      void cache.invalidateQueries({ queryKey: ["conversations"] });
    },
    /** The viewer has read everything up to a message. */
    read(peerId: string, upTo: string, ownId: string) {
      change(["conversations"], () => markRead(peerId, upTo, ownId));
    },
    /** The other person has read up to a message. */
    readByPeer(peerId: string, upTo: string) {
      change(["messages", peerId], () =>
        mapPages(peerId, (page) =>
          page.peerReadUpTo && !isLater(upTo, page.peerReadUpTo) ? page : { ...page, peerReadUpTo: upTo },
        ),
      );
    },
    /** Whether the viewer counts what is said there. */
    mute(id: string, muted: boolean) {
      change(["messages", id], () => mapPages(id, (page) => ({ ...page, muted })));
      change(["conversations"], () =>
        mapConversations((one) => {
          if (one.id !== id) return one;
          return { ...one, muted, group: one.group && { ...one.group, muted } };
        }),
      );
      change(["group", id], () =>
        cache.setQueryData<Group>(["group", id], (known) => known && { ...known, muted }),
      );
    },
    /** How many messages the viewer has not read. `areRead`: what has come is being read, so it is nothing new. */
    unread(count: number, areRead: boolean) {
      change(["unread"], () =>
        cache.setQueryData<Unread>(
          ["unread"],
          (known) => known && { ...known, messages: areRead ? Math.min(known.messages, count) : count },
        ),
      );
    },
  };
}
