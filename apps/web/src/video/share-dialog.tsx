import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { peopleQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { User, Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { createMessageCache } from "../messages/message-cache.ts";
import { newKey } from "../social/new-key.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Failure } from "../ui/failure.tsx";
import { CheckIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { ShareLinks } from "./share-links.tsx";
import "../ui/menu.css";
import "./share-dialog.css";

interface Props {
  video: Video;
  /** The number of the picture in view. */
  picture: number;
  onClose: () => void;
}

/** Sends a video to friends, or copies its link. */
export default function ShareDialog({ video, picture, onClose }: Props) {
  const { t } = useI18n();
  const me = useUser();
  return (
    <Dialog title={t.share} onClose={onClose}>
      {me && <Friends me={me} videoId={video.id} />}
      <div className="menu">
        <ShareLinks video={video} picture={picture} onClose={onClose} />
      </div>
    </Dialog>
  );
}

function Friends({ me, videoId }: { me: User; videoId: string }) {
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
        <Friend key={friend.id} friend={friend} videoId={videoId} />
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

function Friend({ friend, videoId }: { friend: User; videoId: string }) {
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
          body: { content: `${location.origin}/video/${videoId}`, idempotencyKey },
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
