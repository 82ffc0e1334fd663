import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { Problem } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import type { Comment, ReportedPage } from "../api/types.ts";
import { useCommentCache } from "../comments/comment-cache.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";

interface Judgement {
  verdict: "deleted" | "stands";
  /** The reason, for the operator's log. */
  reason: string;
}

/** A moderator's decision about a reported comment; it leaves the queue. */
export function useJudge(comment: Comment) {
  const { api } = useServices();
  const { t } = useI18n();
  const cache = useQueryClient();
  const comments = useCommentCache(comment.videoId);
  const toast = useToast();
  const gone = (one: Comment) => one.id === comment.id || one.rootId === comment.id;
  const leave = (which: (one: Comment) => boolean) =>
    cache.setQueryData<InfiniteData<ReportedPage>>(
      ["moderation", "comments"],
      (queue) =>
        queue && {
          ...queue,
          pages: queue.pages.map((page) => ({
            ...page,
            items: page.items.filter((item) => !which(item.comment)),
          })),
        },
    );
  return useAction({
    mutationFn: ({ verdict, reason }: Judgement) => {
      const params = { path: { id: comment.videoId, commentId: comment.id }, query: { reason } };
      return take(
        verdict === "deleted"
          ? api.DELETE("/api/v1/videos/{id}/comments/{commentId}", { params })
          : api.DELETE("/api/v1/videos/{id}/comments/{commentId}/reports", { params }),
      );
    },
    onSuccess: (_, { verdict }) => {
      if (verdict === "deleted") {
        leave(gone);
        comments.removed(comment);
        toast(t.commentDeleted);
      } else {
        leave((one) => one.id === comment.id);
        toast(t.stands);
      }
    },
    onError: (error) => {
      // Another moderator was faster.
      if (error instanceof Problem && error.status === 404) leave(gone);
    },
  });
}
