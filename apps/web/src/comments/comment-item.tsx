import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { take } from "../api/client.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Comment, Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { LinkedText } from "../links/linked-text.tsx";
import { ModerateButton } from "../moderation/moderate-button.tsx";
import { ReasonDialog } from "../moderation/reason-dialog.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { ConfirmDialog } from "../ui/dialog.tsx";
import { FoldedText } from "../ui/folded-text.tsx";
import { PinIcon } from "../ui/icons.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { useCommentCache } from "./comment-cache.ts";
import { ReportButton } from "./report-button.tsx";
import "../ui/tag.css";

interface Props {
  comment: Comment;
  video: Video;
  pinned?: boolean;
  /** The address leads to it. */
  named?: boolean;
  /** Undefined if comments are closed. */
  onReply: ((to: Comment) => void) | undefined;
  /** Its replies. */
  children?: ReactNode;
}

/** A comment or a reply, with the viewer's actions under it. */
export function CommentItem({ comment, video, pinned = false, named = false, onReply, children }: Props) {
  const { t, format } = useI18n();
  const me = useUser();
  const { author, replyTo, rootId } = comment;
  const isReply = rootId !== null;
  const ownsVideo = me?.id === video.author.id;
  const mayDelete = ownsVideo || me?.id === author.id || me?.role === "moderator";
  return (
    <li className="comment" data-reply={isReply} data-named={named} ref={named ? comeIntoView : undefined}>
      <Link href={`/user/${author.id}`} className="comment-face" tabIndex={-1} aria-hidden="true">
        <Avatar user={author} size={isReply ? 26 : 36} />
      </Link>
      <div className="comment-body">
        <p className="comment-who">
          <Link href={`/user/${author.id}`} dir="auto">
            {author.name}
          </Link>
          {author.id === video.author.id && <b className="tag">{t.creator}</b>}
          {pinned && (
            <b className="tag tag-pinned">
              <PinIcon size={12} />
              {t.pinned}
            </b>
          )}
        </p>
        <FoldedText className="comment-text">
          {replyTo && (
            <Link href={`/user/${replyTo.id}`} className="comment-to" dir="auto">
              @{replyTo.name}
            </Link>
          )}
          {comment.takenDown ? <i>{t.commentTakenDown}</i> : <LinkedText text={comment.text} />}
        </FoldedText>
        <div className="comment-foot">
          <span>{t.floor(format.number(comment.floor))}</span>
          <time dateTime={comment.createdAt}>{format.ago(comment.createdAt)}</time>
          {onReply && (
            <button type="button" aria-label={t.replyTo(author.name)} onClick={() => onReply(comment)}>
              {t.reply}
            </button>
          )}
          {ownsVideo && !isReply && <PinButton comment={comment} pinned={pinned} />}
          {mayDelete && <DeleteButton comment={comment} asModerator={!ownsVideo && me?.id !== author.id} />}
          {me?.id !== author.id && <ModerateButton subject={{ kind: "comment", id: comment.id }} plain />}
          {me?.id !== author.id && <ReportButton comment={comment} />}
        </div>
        {children}
      </div>
    </li>
  );
}

const comeIntoView = (item: HTMLLIElement | null) => item?.scrollIntoView({ block: "center" });

function PinButton({ comment, pinned }: { comment: Comment; pinned: boolean }) {
  const { t } = useI18n();
  const { api } = useServices();
  const lists = useCommentCache(comment.videoId);
  const pin = useAction({
    mutationFn: () => {
      const params = { path: { id: comment.videoId } };
      return take(
        pinned
          ? api.DELETE("/api/v1/videos/{id}/pinned-comment", { params })
          : api.PUT("/api/v1/videos/{id}/pinned-comment", { params, body: { commentId: comment.id } }),
      );
    },
    onSuccess: () => lists.pinned(pinned ? null : comment),
  });
  return (
    <button type="button" disabled={pin.isPending} onClick={() => pin.mutate()}>
      {pinned ? t.unpin : t.pin}
    </button>
  );
}

function DeleteButton({ comment, asModerator }: { comment: Comment; asModerator: boolean }) {
  const { t } = useI18n();
  const { api } = useServices();
  const lists = useCommentCache(comment.videoId);
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const { id: commentId, videoId: id } = comment;
  const remove = useAction({
    mutationFn: (reason?: string) => {
      const params = { path: { id, commentId }, query: { ...(reason !== undefined && { reason }) } };
      return take(api.DELETE("/api/v1/videos/{id}/comments/{commentId}", { params }));
    },
    onSuccess: () => {
      lists.removed(comment);
      toast(t.commentDeleted);
    },
    onError: () => setAsking(false),
  });
  const dialog = {
    title: t.deleteCommentTitle,
    body: comment.replies > 0 ? t.deleteWithReplies : t.deleteCommentBody,
    action: t.deleteAction,
    busy: remove.isPending,
    onClose: () => setAsking(false),
  };
  return (
    <>
      <button type="button" onClick={() => setAsking(true)}>
        {t.deleteAction}
      </button>
      {asking && !asModerator && <ConfirmDialog {...dialog} onConfirm={() => remove.mutate(undefined)} />}
      {asking && asModerator && <ReasonDialog {...dialog} onConfirm={(reason) => remove.mutate(reason)} />}
    </>
  );
}
