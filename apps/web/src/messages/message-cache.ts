import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { ConversationPage, Message, MessagePage, User } from "../api/types.ts";

type Messages = InfiniteData<MessagePage>;
type Conversations = InfiniteData<ConversationPage>;

/** A message that is being sent or could not be sent. */
export interface Outgoing {
  key: string;
  content: string;
  failed: boolean;
}

const outboxKey = (peerId: string) => ["outbox", peerId];

/** Writes news of conversations into every list that shows them. */
export function createMessageCache(cache: QueryClient) {
  /** The first page with `change` applied to its items. */
  function changeFirst(change: (items: ConversationPage["items"]) => ConversationPage["items"]) {
    cache.setQueryData<Conversations>(["conversations"], (lists) => {
      const [first, ...others] = lists?.pages ?? [];
      return lists && first && { ...lists, pages: [{ ...first, items: change(first.items) }, ...others] };
    });
  }
  return {
    /** Adds newer messages, oldest first. Known ones are left out. */
    arrived(peerId: string, messages: readonly Message[]) {
      cache.setQueryData<Messages>(["messages", peerId], (known) => {
        const [newest, ...older] = known?.pages ?? [];
        if (!known || !newest) return known;
        const ids = new Set(newest.items.map(({ id }) => id));
        const added = messages.filter(({ id }) => !ids.has(id));
        if (added.length === 0) return known;
        return { ...known, pages: [{ ...newest, items: [...newest.items, ...added] }, ...older] };
      });
    },
    sent(peer: User, message: Message) {
      this.arrived(peer.id, [message]);
      changeFirst((items) => [
        { unread: 0, readUpTo: null, ...items.find((one) => one.peer.id === peer.id), peer, latest: message },
        ...items.filter((one) => one.peer.id !== peer.id),
      ]);
    },
    /** Moves a conversation up with its new message; one that is not known is fetched with the others. */
    latest(peerId: string, message: Message) {
      const lists = cache.getQueryData<Conversations>(["conversations"]);
      const found = lists?.pages.flatMap(({ items }) => items).find((one) => one.peer.id === peerId);
      if (!lists || !found) return void cache.invalidateQueries({ queryKey: ["conversations"] });
      if (BigInt(message.id) <= BigInt(found.latest.id)) return;
      const unread = found.unread + Number(message.senderId === peerId);
      const others = lists.pages.map((page) => ({
        ...page,
        items: page.items.filter((one) => one !== found),
      }));
      const [first, ...rest] = others;
      cache.setQueryData<Conversations>(["conversations"], {
        ...lists,
        pages: [{ ...first!, items: [{ ...found, latest: message, unread }, ...first!.items] }, ...rest],
      });
    },
    /** Replaces the newest conversations; ones that moved up or disappeared are dropped, later ones stay. */
    conversations(fresh: ConversationPage) {
      const ids = new Set(fresh.items.map((one) => one.peer.id));
      const last = fresh.items.at(-1);
      const isBelow = ({ latest }: ConversationPage["items"][number]) =>
        fresh.nextCursor !== null && (!last || BigInt(latest.id) < BigInt(last.latest.id));
      cache.setQueryData<Conversations>(
        ["conversations"],
        (lists) =>
          lists && {
            ...lists,
            pages: lists.pages.map((page, i) => {
              const below = page.items.filter((one) => !ids.has(one.peer.id) && isBelow(one));
              return { ...page, items: i === 0 ? [...fresh.items, ...below] : below };
            }),
          },
      );
    },
    read(peerId: string) {
      cache.setQueryData<Conversations>(
        ["conversations"],
        (lists) =>
          lists && {
            ...lists,
            pages: lists.pages.map((page) => ({
              ...page,
              items: page.items.map((one) => (one.peer.id === peerId ? { ...one, unread: 0 } : one)),
            })),
          },
      );
      void cache.invalidateQueries({ queryKey: ["unread"] });
    },
    outbox: (peerId: string) => cache.getQueryData<Outgoing[]>(outboxKey(peerId)) ?? [],
    changeOutbox: (peerId: string, change: (waiting: Outgoing[]) => Outgoing[]) =>
      cache.setQueryData<Outgoing[]>(outboxKey(peerId), (waiting = []) => change(waiting)),
  };
}

/** Messages waiting to be sent to a person; they outlive the page. */
export const outboxQuery = (peerId: string) => ({
  queryKey: outboxKey(peerId),
  enabled: false,
  initialData: [] as Outgoing[],
});
