import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Comment, Video } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Choice } from "../ui/choice.tsx";
import { Failure } from "../ui/failure.tsx";
import { LockIcon, UnlockIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useAction } from "../ui/use-action.ts";
import { useNearEnd } from "../ui/use-near-end.ts";
import { useCommentCache } from "./comment-cache.ts";
import { CommentItem } from "./comment-item.tsx";
import { type CommentSort, commentsQuery, namedQuery } from "./comment-queries.ts";
import { Composer } from "./composer.tsx";
import { Drawer } from "./drawer.tsx";
import { Replies } from "./replies.tsx";
import { useNamedComment } from "./use-comments-open.ts";
import "./comments.css";

interface Props {
  video: Video;
  onClose: () => void;
}

/** The comments of one video, at its side or over its lower part; the video continues to play. */
export default function CommentsDrawer({ video, onClose }: Props) {
  const { t, format } = useI18n();
  const { comments } = video.counts;
  return (
    <Drawer title={comments > 0 ? t.commentsOf(format.count(comments)) : t.comments} onClose={onClose}>
      <Comments key={video.id} video={video} />
    </Drawer>
  );
}

function Comments({ video }: { video: Video }) {
  const { t } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const [sort, setSort] = useState<CommentSort>("heat");
  const [replyTo, setReplyTo] = useState<Comment | null>(null);
  const list = useInfiniteQuery(commentsQuery(api, video.id, sort));
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLLIElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const { data: named } = useQuery(namedQuery(api, video.id, useNamedComment()));
  const pinned = data?.pages[0]?.pinned ?? null;
  const closed = data?.pages[0]?.closed ?? false;
  const listed = useMemo(
    () => once(data?.pages.flatMap((page) => page.items) ?? [], named?.comment, pinned),
    [data, named, pinned],
  );
  const isOwner = me?.id === video.author.id;
  const item = (comment: Comment) => (
    <CommentItem
      key={comment.id}
      comment={comment}
      video={video}
      pinned={comment.id === pinned?.id}
      named={comment.id === (named?.reply ?? named?.comment)?.id}
      onReply={closed ? undefined : setReplyTo}
    >
      {comment.replies > 0 && (
        <Replies
          comment={comment}
          item={item}
          named={comment.id === named?.comment.id ? named.reply : null}
        />
      )}
    </CommentItem>
  );
  return (
    <>
      <div className="comments-bar">
        <Choice
          label={t.sortComments}
          className="comments-sorts"
          value={sort}
          options={[
            ["heat", t.sortHeat],
            ["time", t.sortTime],
          ]}
          onChange={setSort}
        />
        {isOwner && data && <CloseButton videoId={video.id} closed={closed} />}
      </div>
      <ol className="comments-list" aria-busy={isFetching}>
        {named && item(named.comment)}
        {pinned && pinned.id !== named?.comment.id && item(pinned)}
        {listed.map(item)}
        <li className="comments-end" ref={end}>
          {isFetching && <Spinner label={t.loading} />}
          {error && <Failure error={error} onRetry={againOf(list)} />}
          {data && !pinned && listed.length === 0 && (
            <p className="comments-none">{closed ? t.commentsClosedNow : t.noComments}</p>
          )}
          {data && !hasNextPage && !isFetching && listed.length > 8 && <p>{t.noMoreComments}</p>}
        </li>
      </ol>
      <Composer videoId={video.id} closed={closed} replyTo={replyTo} onReplyTo={setReplyTo} />
    </>
  );
}

function CloseButton({ videoId, closed }: { videoId: string; closed: boolean }) {
  const { t } = useI18n();
  const { api } = useServices();
  const lists = useCommentCache(videoId);
  const known = useKnown();
  const close = useAction({
    mutationFn: (to: boolean) => {
      const path = { params: { path: { id: videoId } } };
      return take(
        to
          ? api.PUT("/api/v1/videos/{id}/comments-closed", path)
          : api.DELETE("/api/v1/videos/{id}/comments-closed", path),
      );
    },
    onSuccess: (_, to) => {
      lists.closed(to);
      known.changeVideo(videoId, (video) => ({ ...video, commentsAllowed: !to }));
    },
  });
  return (
    <button
      type="button"
      className="comments-close"
      disabled={close.isPending}
      onClick={() => close.mutate(!closed)}
    >
      {closed ? <UnlockIcon size={16} /> : <LockIcon size={16} />}
      {closed ? t.openComments : t.closeComments}
    </button>
  );
}

/** Each comment once, without those that are shown above the others. */
function once(comments: readonly Comment[], ...above: (Comment | null | undefined)[]): Comment[] {
  const byId = new Map(comments.map((comment) => [comment.id, comment]));
  for (const comment of above) if (comment) byId.delete(comment.id);
  return [...byId.values()];
}
