import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useServices } from "../api/services.tsx";
import type { Comment } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { sentKey } from "./comment-cache.ts";
import { repliesQuery } from "./comment-queries.ts";

interface Props {
  comment: Comment;
  item: (reply: Comment) => ReactNode;
  /** To which the address leads. */
  named: Comment | null;
}

/** The replies to a comment, loaded page by page on demand. */
export function Replies({ comment, item, named }: Props) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const [open, setOpen] = useState(false);
  const list = useInfiniteQuery({ ...repliesQuery(api, comment.videoId, comment.id), enabled: open });
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  useAgain(list, open);
  const { data: sent } = useQuery<Comment[]>({
    queryKey: sentKey(comment.videoId),
    enabled: false,
    initialData: [],
  });
  const loaded = open ? (data?.pages.flatMap((page) => page.items) ?? []) : [];
  const shown = [
    ...(named ? [named] : []),
    ...loaded,
    ...sent.filter((reply) => reply.rootId === comment.id),
  ];
  const replies = [...new Map(shown.map((reply) => [reply.id, reply])).values()];
  const left = comment.replies - replies.length;
  const more =
    !open && left > 0
      ? () => setOpen(true)
      : open && error
        ? againOf(list)
        : open && hasNextPage
          ? () => void fetchNextPage()
          : null;
  return (
    <>
      {replies.length > 0 && (
        <ol className="replies" aria-label={t.repliesTo(comment.author.name)}>
          {replies.map(item)}
        </ol>
      )}
      {error && <p role="alert">{explain(t, error)}</p>}
      <div className="replies-bar">
        {isFetching ? (
          <span>{t.loading}</span>
        ) : (
          more && (
            <button type="button" aria-expanded={open} onClick={more}>
              {error ? t.retry : open ? t.moreReplies : t.showReplies(format.number(left))}
            </button>
          )
        )}
        {open && !isFetching && (
          <button type="button" onClick={() => setOpen(false)}>
            {t.hideReplies}
          </button>
        )}
      </div>
    </>
  );
}
