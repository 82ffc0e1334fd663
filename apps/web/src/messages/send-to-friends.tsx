import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { take } from "../api/client.ts";
import { peopleQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { GroupAvatar } from "../groups/group-avatar.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { newKey } from "../social/new-key.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Failure } from "../ui/failure.tsx";
import { CheckIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { createMessageCache } from "./message-cache.ts";
import { conversationsQuery } from "./message-queries.ts";
import "./send-to-friends.css";

/** A card, or a message that is sent on. */
type Sendable =
  | { videoId: string }
  | { profileId: string }
  | { forward: { conversationId: string; messageId: string } };

/** Where it is sent: to a person, or into a group. */
interface Target {
  id: string;
  name: string;
  face: ReactNode;
}

/** The viewer's friends, and their groups; a tap sends it to one. */
export function SendToFriends({ me, what }: { me: User; what: Sendable }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = useInfiniteQuery(
    peopleQuery(api, me.id, "friends"),
  );
  // Those with the latest messages.
  const { data: conversations } = useInfiniteQuery(conversationsQuery(api));
  const friends = data?.pages.flatMap((page) => page.items) ?? [];
  const groups = conversations?.pages.flatMap((page) => page.items.flatMap(({ group }) => group ?? [])) ?? [];
  const targets: Target[] = [
    ...friends.map((user) => ({ id: user.id, name: user.name, face: <Avatar user={user} size={56} /> })),
    ...groups.map((group) => ({
      id: group.id,
      name: group.name,
      face: <GroupAvatar group={group} size={56} />,
    })),
  ];
  if (error && !data) return <Failure error={error} onRetry={refetch} />;
  if (!data) return <Spinner label={t.loading} />;
  if (targets.length === 0) return <p className="dialog-text">{t.noFriendsToSend}</p>;
  return (
    <ul className="share-friends" aria-label={t.sendToFriends}>
      {targets.map((target) => (
        <Place key={target.id} target={target} what={what} />
      ))}
      {hasNextPage && (
        <li>
          <button type="button" className="button" disabled={isFetching} onClick={() => void fetchNextPage()}>
            {t.moreFriends}
          </button>
        </li>
      )}
    </ul>
  );
}

function Place({ target, what }: { target: Target; what: Sendable }) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const toast = useToast();
  // A repeated request is the same message.
  const [idempotencyKey] = useState(newKey);
  const send = useAction({
    mutationFn: () =>
      take(
        api.POST("/api/v1/conversations/{userId}/messages", {
          params: { path: { userId: target.id } },
          body: { content: "", ...what, idempotencyKey },
        }),
      ),
    onSuccess: (message) => {
      createMessageCache(cache).add(target.id, message);
      toast(t.sentTo(target.name));
    },
  });
  return (
    <li>
      <button
        type="button"
        className="share-friend"
        data-sent={send.isSuccess}
        disabled={send.isPending || send.isSuccess}
        onClick={() => send.mutate()}
      >
        <span className="share-face">
          {target.face}
          {send.isSuccess && <CheckIcon size={18} />}
        </span>
        <bdi>{target.name}</bdi>
        <span className="unseen">{send.isSuccess ? t.sentTo(target.name) : t.send}</span>
      </button>
    </li>
  );
}
