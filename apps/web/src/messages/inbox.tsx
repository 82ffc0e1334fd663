import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { peopleQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Conversation, User } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { Failure } from "../ui/failure.tsx";
import { SearchIcon } from "../ui/icons.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { FoundMessages } from "./found-messages.tsx";
import { conversationsQuery } from "./message-queries.ts";
import { UnreadMark } from "./unread-mark.tsx";
import { useSummary } from "./use-summary.ts";

/** A search in one's messages, and one's conversations. */
export function Inbox({ me, openId }: { me: User; openId: string | undefined }) {
  const { t } = useI18n();
  const [text, setText] = useState("");
  return (
    <section className="inbox" aria-label={t.messages}>
      <h1>{t.messages}</h1>
      <label className="inbox-search">
        <SearchIcon size={18} />
        <input
          type="search"
          value={text}
          dir="auto"
          maxLength={64}
          placeholder={t.searchMessages}
          aria-label={t.searchMessages}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      {text.trim() ? <FoundMessages text={text} /> : <Conversations me={me} openId={openId} />}
    </section>
  );
}

/** Friends without a conversation, then all conversations, the one with the latest message first. */
function Conversations({ me, openId }: { me: User; openId: string | undefined }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = useInfiniteQuery(
    conversationsQuery(api),
  );
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(data ? error : null, fetchNextPage);
  const conversations = once(data?.pages.flatMap((page) => page.items) ?? []);
  return (
    <>
      <Friends me={me} conversations={conversations} />
      {data && conversations.length === 0 && (
        <Notice title={t.noMessagesTitle} body={t.noMessagesBody}>
          <Link href="/hot" className="button button-primary">
            {t.findPeople}
          </Link>
        </Notice>
      )}
      <ul className="conversations">
        {conversations.map((conversation) => (
          <Row
            key={conversation.peer.id}
            conversation={conversation}
            open={conversation.peer.id === openId}
          />
        ))}
      </ul>
      <div className="people-end" ref={end}>
        {isFetching && !data && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={() => (data ? fetchNextPage() : refetch())} />}
      </div>
    </>
  );
}

function Row({
  conversation: { peer, latest, unread },
  open,
}: {
  conversation: Conversation;
  open: boolean;
}) {
  const { t, format } = useI18n();
  const own = latest.senderId !== peer.id;
  const summary = useSummary();
  const said = summary(latest);
  return (
    <li>
      <Link
        href={`/messages/${peer.id}`}
        className="conversation"
        aria-current={open && "page"}
        data-unread={unread > 0}
      >
        <Avatar user={peer} size={52} />
        <span className="person-text">
          <strong dir="auto">{peer.name}</strong>
          <span dir="auto">{own && !latest.recalled ? t.youSaid(said) : said}</span>
        </span>
        <span className="conversation-side">
          <time dateTime={latest.sentAt}>{format.ago(latest.sentAt)}</time>
          <UnreadMark count={unread} />
        </span>
      </Link>
    </li>
  );
}

/** Friends without a conversation. */
function Friends({ me, conversations }: { me: User; conversations: readonly Conversation[] }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data } = useInfiniteQuery(peopleQuery(api, me.id, "friends"));
  const page = data?.pages[0];
  const spoken = new Set(conversations.map(({ peer }) => peer.id));
  const friends = page?.items.filter(({ id }) => !spoken.has(id)) ?? [];
  if (!page || friends.length === 0) return null;
  return (
    <nav className="friends" aria-label={t.friendsList}>
      {friends.map((friend) => (
        <Link key={friend.id} href={`/messages/${friend.id}`} className="friend">
          <span className="friend-face">
            <Avatar user={friend} size={58} />
          </span>
          <strong dir="auto">{friend.name}</strong>
          <small dir="auto">{t.wave}</small>
        </Link>
      ))}
      {page.nextCursor && (
        <Link href={`/user/${me.id}/friends`} className="friend friend-all">
          {t.allFriends}
        </Link>
      )}
    </nav>
  );
}

/** A conversation that moved up since a later page was loaded appears twice; the upper one is current. */
function once(conversations: readonly Conversation[]): Conversation[] {
  const byPeer = new Map<string, Conversation>();
  for (const one of conversations) if (!byPeer.has(one.peer.id)) byPeer.set(one.peer.id, one);
  return [...byPeer.values()];
}
