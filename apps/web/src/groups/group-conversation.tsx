import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "../api/problem.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Group, Message } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { LinkedText } from "../links/linked-text.tsx";
import { Bubbles } from "../messages/bubbles.tsx";
import { MessageComposer } from "../messages/message-composer.tsx";
import { MutedMark } from "../messages/muted-mark.tsx";
import { ReplyingTo } from "../messages/replying-to.tsx";
import { useTalk } from "../messages/use-talk.ts";
import { useWriters } from "../realtime/use-live.ts";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { FoldedText } from "../ui/folded-text.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { useIsBefore } from "../ui/use-is-before.ts";
import { GroupAvatar } from "./group-avatar.tsx";
import { groupPath, groupQuery, membersQuery } from "./group-queries.ts";
import { GroupSheet } from "./group-sheet.tsx";
import { MentionList } from "./mention-list.tsx";
import { useMentioning } from "./use-mentioning.ts";
import { NAMED, usePeople, useThose } from "./use-names.ts";
import "./groups.css";

/** The server tells no more of larger ones. */
const MOST_TOLD = 50;

interface Props {
  groupId: string;
  /** The message to begin at; absent: the newest. */
  around?: string | undefined;
  /** The page contains nothing else. */
  alone: boolean;
}

/** What is said in a group. */
export function GroupConversation({ groupId, around, alone }: Props) {
  const Heading = alone ? "h1" : "h2";
  const { t } = useI18n();
  const { api } = useServices();
  const { data: group, error, refetch } = useQuery(groupQuery(api, groupId));
  const [open, setOpen] = useState(false);
  const isOut = error !== null && asProblem(error).reason === "NOT_IN_GROUP";
  usePageTitle(group?.name ?? t.messages);
  return (
    <section className="chat" aria-label={group?.name ?? t.messages}>
      <header className="chat-head">
        <span className="chat-back">
          <BackButton otherwise="/messages" />
        </span>
        {group && !isOut && (
          <button
            type="button"
            className="chat-who group-who"
            aria-haspopup="dialog"
            onClick={() => setOpen(true)}
          >
            <GroupAvatar group={group} size={38} />
            <span className="chat-name">
              <Heading dir="auto">{group.name}</Heading>
              <Line group={group} />
            </span>
            {group.muted && <MutedMark />}
            <span className="unseen">{t.groups.open}</span>
          </button>
        )}
      </header>
      {isOut ? (
        <Notice title={t.groups.notIn} body={t.groups.notInBody} />
      ) : group ? (
        <Talk key={around} group={group} around={around} />
      ) : error ? (
        <Notice title={t.conversationFailed} body={explain(t, error)}>
          <RetryButton error={error} onRetry={refetch} />
        </Notice>
      ) : (
        <Spinner label={t.loading} />
      )}
      {group && open && !isOut && <GroupSheet group={group} onClose={() => setOpen(false)} />}
    </section>
  );
}

/** Who is writing, or how many people it has. */
function Line({ group }: { group: Group }) {
  const { t, format } = useI18n();
  const writers = useWriters(group.id);
  const people = useThose(group.faces, writers);
  const names = writers.slice(0, NAMED).map((id) => people.get(id)?.name ?? t.groups.somebody);
  if (names.length === 0) return <small>{t.groups.members(format.number(group.members))}</small>;
  const more = writers.length - names.length;
  return (
    <small className="writing" dir="auto">
      {t.groups.said(t.groups.list(names, more > 0 ? format.number(more) : ""), t.writing)}
    </small>
  );
}

function Talk({ group, around }: { group: Group; around: string | undefined }) {
  const { t, format } = useI18n();
  const { realtime } = useServices();
  const isSilent = useIsBefore(group.silentUntil);
  const talk = useTalk({ conversationId: group.id, path: groupPath(group.id), around });
  const { messages, error, refused, replyTo } = talk;
  const people = usePeople(talk.people, messages);
  const mentioning = useMentioning(group.id, talk.composer);
  if (!talk.isLoaded)
    return error ? (
      <Notice title={t.conversationFailed} body={explain(t, error)}>
        <RetryButton error={error} onRetry={talk.refetch} />
      </Notice>
    ) : (
      <Spinner label={t.loading} />
    );
  return (
    <>
      {group.announcement && (
        <aside className="announcement" aria-label={t.groups.announcement}>
          <FoldedText className="announcement-text">
            <LinkedText text={group.announcement} />
          </FoldedText>
        </aside>
      )}
      <Bubbles
        {...talk.bubbles}
        label={t.groups.conversationIn(group.name)}
        people={people}
        named
        empty={
          <>
            <GroupAvatar group={group} size={80} />
            <p>{t.groups.say}</p>
          </>
        }
      />
      {!around && <ReadBy group={group} messages={messages} />}
      {refused && refused.reason !== "MUTED_IN_GROUP" && (
        <div className="chat-note chat-refused" role="alert">
          <p>{explain(t, refused)}</p>
        </div>
      )}
      {talk.offline && (
        <p className="chat-note" role="status">
          {t.offlineNote}
        </p>
      )}
      {group.takenDown ? (
        <p className="chat-note">{t.groups.takenDown}</p>
      ) : group.silentUntil && isSilent ? (
        <p className="chat-note">{t.groups.silenced(format.dateTime(group.silentUntil))}</p>
      ) : (
        <MessageComposer
          {...talk.composer}
          field={mentioning.field}
          onText={(next) => {
            talk.composer.onText(next);
            if (next.trim()) realtime.writes(group.id);
          }}
        >
          {replyTo && <ReplyingTo message={replyTo} people={people} onCancel={talk.cancelReply} />}
          <MentionList people={mentioning.people} {...mentioning.list} />
        </MessageComposer>
      )}
    </>
  );
}

/** In a small group: how many have read what the viewer said last. */
function ReadBy({ group, messages }: { group: Group; messages: readonly Message[] }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const last = messages.at(-1);
  const isShown = group.members <= MOST_TOLD && last?.senderId === me?.id && !last?.notice;
  const { data } = useInfiniteQuery({ ...membersQuery(api, group.id), enabled: isShown });
  if (!isShown || !last) return null;
  const readers = data?.pages
    .flatMap((page) => page.items)
    .filter(({ user, readUpTo }) => user.id !== me?.id && readUpTo && BigInt(readUpTo) >= BigInt(last.id));
  if (!readers?.length) return null;
  return <p className="read-by">{t.groups.readBy(format.number(readers.length))}</p>;
}
