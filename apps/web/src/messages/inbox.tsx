import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { once } from "../api/once.ts";
import { peopleQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Conversation, Group, Message, User } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { GroupAvatar } from "../groups/group-avatar.tsx";
import { groupPath } from "../groups/group-queries.ts";
import { Invitations } from "../groups/invitations.tsx";
import { NewGroupButton } from "../groups/new-group.tsx";
import { noticeText } from "../groups/notice-text.ts";
import { useNames } from "../groups/use-names.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useWriting } from "../realtime/use-live.ts";
import { Failure } from "../ui/failure.tsx";
import { SearchIcon } from "../ui/icons.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { Face } from "./face.tsx";
import { FoundMessages } from "./found-messages.tsx";
import { conversationsQuery } from "./message-queries.ts";
import { MutedMark } from "./muted-mark.tsx";
import { UnreadMark } from "./unread-mark.tsx";
import { useSummary } from "./use-summary.ts";

interface Props {
  me: User;
  openId: string | undefined;
  /** What is searched for; empty: nothing. */
  text: string;
  onText: (text: string) => void;
}

/** A search in one's messages, and one's conversations. */
export function Inbox({ me, openId, text, onText }: Props) {
  const { t } = useI18n();
  return (
    <section className="inbox" aria-label={t.messages}>
      <header className="inbox-head">
        <h1>{t.messages}</h1>
        <NewGroupButton me={me} />
      </header>
      <label className="inbox-search">
        <SearchIcon size={18} />
        <input
          type="search"
          value={text}
          dir="auto"
          maxLength={64}
          placeholder={t.searchMessages}
          aria-label={t.searchMessages}
          onChange={(event) => onText(event.target.value)}
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
  const list = useInfiniteQuery(conversationsQuery(api));
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const conversations = once(data?.pages.flatMap((page) => page.items) ?? []);
  const people = useMemo(() => data?.pages.flatMap((page) => page.people) ?? [], [data]);
  return (
    <>
      <Invitations />
      <Friends me={me} conversations={conversations} />
      {data && conversations.length === 0 && (
        <Notice title={t.noMessagesTitle} body={t.noMessagesBody}>
          <Link href="/hot?tab=people" className="button button-primary">
            {t.findPeople}
          </Link>
        </Notice>
      )}
      <ul className="conversations">
        {conversations.map((conversation) => (
          <Row
            key={conversation.id}
            conversation={conversation}
            people={people}
            open={conversation.id === openId}
            me={me}
          />
        ))}
      </ul>
      <div className="people-end" ref={end}>
        {isFetching && !data && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
    </>
  );
}

interface RowProps {
  conversation: Conversation;
  /** Of the latest messages in groups. */
  people: readonly User[];
  open: boolean;
  me: User;
}

function Row({ conversation, people, open, me }: RowProps) {
  const { t, format } = useI18n();
  const { id, peer, group, latest, unread, mentions, muted } = conversation;
  const writing = useWriting(id);
  const said = useSaid(me);
  return (
    <li>
      <Link
        href={group ? groupPath(id) : `/messages/${id}`}
        className="conversation"
        aria-current={open && "page"}
        data-unread={unread > 0 && !muted}
      >
        {group ? <GroupAvatar group={group} size={52} /> : peer && <Face user={peer} size={52} />}
        <span className="person-text">
          <strong dir="auto">{group?.name ?? peer?.name}</strong>
          {writing ? (
            <span className="writing">{t.writing}</span>
          ) : (
            <span dir="auto">
              {group ? <LatestInGroup latest={latest} group={group} people={people} me={me} /> : said(latest)}
            </span>
          )}
        </span>
        <span className="conversation-side">
          <time dateTime={latest.sentAt}>{format.ago(latest.sentAt)}</time>
          <span className="conversation-marks">
            {mentions > 0 && (
              <span className="mention-mark" role="img" aria-label={t.groups.mentioned}>
                @
              </span>
            )}
            {muted && <MutedMark />}
            <UnreadMark count={unread} quiet={muted} />
          </span>
        </span>
      </Link>
    </li>
  );
}

/** The latest message in one line. */
function useSaid(me: User): (message: Message) => string {
  const { t } = useI18n();
  const summary = useSummary();
  return (message) => {
    const own = message.senderId === me.id && !message.recalled;
    return own ? t.youSaid(summary(message)) : summary(message);
  };
}

interface LatestProps {
  latest: Message;
  group: Group;
  people: readonly User[];
  me: User;
}

function LatestInGroup({ latest, group, people, me }: LatestProps) {
  const { t } = useI18n();
  const said = useSaid(me);
  const known = useMemo(() => [...group.faces, ...people], [group, people]);
  const shown = useMemo(() => [latest], [latest]);
  const nameOf = useNames(known, shown);
  if (latest.notice) return noticeText(t, latest, nameOf);
  const line = said(latest);
  return latest.senderId === me.id || latest.recalled ? line : t.groups.said(nameOf(latest.senderId), line);
}

/** Friends without a conversation. */
function Friends({ me, conversations }: { me: User; conversations: readonly Conversation[] }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data } = useInfiniteQuery(peopleQuery(api, me.id, "friends"));
  const page = data?.pages[0];
  const spoken = new Set(conversations.map(({ id }) => id));
  const friends = page?.items.filter(({ id }) => !spoken.has(id)) ?? [];
  if (!page || friends.length === 0) return null;
  return (
    <nav className="friends" aria-label={t.friendsList}>
      {friends.map((friend) => (
        <Link key={friend.id} href={`/messages/${friend.id}`} className="friend">
          <span className="friend-face">
            <Face user={friend} size={58} />
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
