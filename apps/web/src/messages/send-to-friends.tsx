import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { peopleQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { newKey } from "../social/new-key.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Failure } from "../ui/failure.tsx";
import { CheckIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { createMessageCache } from "./message-cache.ts";
import "./send-to-friends.css";

/** A card, or a message that is sent on. */
type Sendable =
  | { videoId: string }
  | { profileId: string }
  | { forward: { conversationId: string; messageId: string } };

/** The viewer's friends; a tap sends it to one. */
export function SendToFriends({ me, what }: { me: User; what: Sendable }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = useInfiniteQuery(
    peopleQuery(api, me.id, "friends"),
  );
  const friends = data?.pages.flatMap((page) => page.items) ?? [];
  if (error && !data) return <Failure error={error} onRetry={refetch} />;
  if (!data) return <Spinner label={t.loading} />;
  if (friends.length === 0) return <p className="dialog-text">{t.noFriendsToSend}</p>;
  return (
    <ul className="share-friends" aria-label={t.sendToFriends}>
      {friends.map((friend) => (
        <Friend key={friend.id} friend={friend} what={what} />
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

function Friend({ friend, what }: { friend: User; what: Sendable }) {
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
          params: { path: { userId: friend.id } },
          body: { content: "", ...what, idempotencyKey },
        }),
      ),
    onSuccess: (message) => {
      createMessageCache(cache).add(friend.id, message);
      toast(t.sentTo(friend.name));
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
          <Avatar user={friend} size={56} />
          {send.isSuccess && <CheckIcon size={18} />}
        </span>
        <bdi>{friend.name}</bdi>
        <span className="unseen">{send.isSuccess ? t.sentTo(friend.name) : t.send}</span>
      </button>
    </li>
  );
}
