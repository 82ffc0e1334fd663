import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { useServices } from "../api/services.tsx";
import { againOf, useAgain } from "../api/use-again.ts";
import { GroupAvatar } from "../groups/group-avatar.tsx";
import { groupPath } from "../groups/group-queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { foundQuery } from "./message-queries.ts";
import { partsAround, shortName } from "./parts-around.ts";

/** So long nothing is typed before it is asked for. */
const PAUSE_MS = 300;
const LEAST_CHARACTERS = 2;

/** The viewer's messages with this text in them. */
export function FoundMessages({ text }: { text: string }) {
  const { t } = useI18n();
  const asked = usePaused(text.trim());
  if ([...asked].length < LEAST_CHARACTERS) return <p className="inbox-note">{t.searchShort}</p>;
  return <Found key={asked} text={asked} />;
}

function Found({ text }: { text: string }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const list = useInfiniteQuery(foundQuery(api, text));
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const found = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <div role="status" className="unseen">
        {data && (found.length > 0 ? t.foundSome : t.searchNothing)}
      </div>
      {data && found.length === 0 && <Notice title={t.searchNothing} />}
      <ul className="conversations">
        {found.map(({ conversationId, peer, group, sender, message }) => {
          const [before, match, after] = partsAround(message.content, text);
          const path = group ? groupPath(conversationId) : `/messages/${conversationId}`;
          return (
            <li key={message.id}>
              <Link href={`${path}?message=${message.id}`} className="conversation">
                {group ? <GroupAvatar group={group} size={52} /> : peer && <Avatar user={peer} size={52} />}
                <span className="person-text">
                  <strong dir="auto">{group?.name ?? peer?.name}</strong>
                  <span dir="auto" className="two-lines">
                    {group ? t.groups.said(shortName(sender.name), before) : before}
                    <mark>{match}</mark>
                    {after}
                  </span>
                </span>
                <span className="conversation-side">
                  <time dateTime={message.sentAt}>{format.ago(message.sentAt)}</time>
                </span>
              </Link>
            </li>
          );
        })}
      </ul>
      <div className="people-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
    </>
  );
}

/** The text as it was when somebody last paused. */
function usePaused(text: string): string {
  const [paused, setPaused] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return paused;
}
