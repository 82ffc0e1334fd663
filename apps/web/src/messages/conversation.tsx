import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
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
import { Notice, Spinner } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { Bubbles } from "./bubbles.tsx";
import { MessageComposer } from "./message-composer.tsx";
import { MuteButton } from "./mute-button.tsx";
import { PresenceLine } from "./presence-line.tsx";
import { ReplyingTo } from "./replying-to.tsx";
import { useTalk } from "./use-talk.ts";

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
              <PresenceLine
                userId={peer.id}
                otherwise={peer.followed && peer.followsYou ? t.friends : null}
              />
            </span>
          </Link>
        )}
        {peer && <MuteButton peerId={peer.id} around={around} />}
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
  const { realtime } = useServices();
  const talk = useTalk({ conversationId: peer.id, path: `/messages/${peer.id}`, around });
  const { messages, error, refused, replyTo } = talk;
  if (!talk.isLoaded)
    return error ? (
      <Notice title={t.conversationFailed} body={explain(t, error)}>
        <RetryButton error={error} onRetry={talk.refetch} />
      </Notice>
    ) : (
      <Spinner label={t.loading} />
    );
  const people = new Map([[peer.id, peer]]);
  const friends = peer.followed && peer.followsYou;
  const answered = messages.some((message) => message.senderId === peer.id);
  const stranger = !friends && !answered && !talk.hasOlder;
  return (
    <>
      <Bubbles
        {...talk.bubbles}
        label={t.conversationWith(peer.name)}
        people={people}
        empty={
          <>
            <Avatar user={peer} size={80} />
            <p>{t.sayHello(peer.name)}</p>
          </>
        }
      />
      {!around && <Read messages={messages} upTo={talk.peerReadUpTo} />}
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
      {talk.offline && (
        <p className="chat-note" role="status">
          {t.offlineNote}
        </p>
      )}
      {!peer.blocked && (
        <MessageComposer
          {...talk.composer}
          onText={(next) => {
            talk.composer.onText(next);
            if (next.trim()) realtime.writes(peer.id);
          }}
        >
          {replyTo && <ReplyingTo message={replyTo} people={people} onCancel={talk.cancelReply} />}
        </MessageComposer>
      )}
    </>
  );
}

/** Whether the other one has read what the viewer said last. */
function Read({ messages, upTo }: { messages: readonly Message[]; upTo: string | null | undefined }) {
  const { t } = useI18n();
  const me = useUser();
  const last = messages.at(-1);
  if (!last || !upTo || last.senderId !== me?.id || BigInt(upTo) < BigInt(last.id)) return null;
  return <p className="read-by">{t.readByPeer}</p>;
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
