import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { ConversationPage, Message, MessagePage } from "../api/types.ts";

type Messages = InfiniteData<MessagePage>;
type Conversations = InfiniteData<ConversationPage>;

/** Writes news of conversations into every list that shows them. */
export function createMessageCache(cache: QueryClient) {
  /** Now, and into an answer that is under way, which may be from before. */
  function change(queryKey: readonly string[], act: () => void) {
    act();
    const query = cache.getQueryCache().find({ queryKey });
    if (query && query.state.fetchStatus !== "idle") query.promise?.then(act, () => {});
  }

  function addToMessages(peerId: string, message: Message) {
    cache.setQueryData<Messages>(["messages", peerId], (known) => {
      const [newest, ...older] = known?.pages ?? [];
      if (!known || !newest || newest.items.some(({ id }) => id === message.id)) return known;
      return { ...known, pages: [{ ...newest, items: [...newest.items, message] }, ...older] };
    });
  }
  /** Moves the conversation up; one that is not known is fetched with the others. */
  function addToConversations(peerId: string, message: Message) {
    const lists = cache.getQueryData<Conversations>(["conversations"]);
    if (!lists) return;
    const found = lists.pages.flatMap(({ items }) => items).find((one) => one.peer.id === peerId);
    if (!found) return void cache.invalidateQueries({ queryKey: ["conversations"] });
    if (BigInt(message.id) <= BigInt(found.latest.id)) return;
    const moved = { ...found, latest: message, unread: found.unread + Number(message.senderId === peerId) };
    cache.setQueryData<Conversations>(["conversations"], {
      ...lists,
      pages: lists.pages.map((page, i) => {
        const others = page.items.filter((one) => one !== found);
        return { ...page, items: i === 0 ? [moved, ...others] : others };
      }),
    });
  }
  function markRead(peerId: string) {
    const lists = cache.getQueryData<Conversations>(["conversations"]);
    if (!lists) return;
    cache.setQueryData<Conversations>(["conversations"], {
      ...lists,
      pages: lists.pages.map((page) => ({
        ...page,
        items: page.items.map((one) => (one.peer.id === peerId ? { ...one, unread: 0 } : one)),
      })),
    });
  }

  return {
    /** A message is the newest between the viewer and `peerId`. Nothing changes if it is known. */
    add(peerId: string, message: Message) {
      change(["messages", peerId], () => addToMessages(peerId, message));
      change(["conversations"], () => addToConversations(peerId, message));
    },
    /** The viewer has read everything. */
    read(peerId: string) {
      change(["conversations"], () => markRead(peerId));
      void cache.invalidateQueries({ queryKey: ["unread"] });
    },
  };
}
