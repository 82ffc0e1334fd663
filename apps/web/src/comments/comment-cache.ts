import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { afterAnswers } from "../api/after-answers.ts";
import { type Known, useKnown } from "../api/known.ts";
import type { Comment, CommentPage, ReplyPage } from "../api/types.ts";

type Lists = InfiniteData<CommentPage> | undefined;
type Replies = InfiniteData<ReplyPage> | undefined;

/** Writes a person's changes to the comments of one video into every list that shows them. */
export function createCommentCache(cache: QueryClient, known: Known, videoId: string) {
  const eachPage = (change: (page: CommentPage, index: number) => CommentPage) =>
    cache.setQueriesData<Lists>(
      { queryKey: ["comments", videoId, "list"] },
      (lists) => lists && { ...lists, pages: lists.pages.map(change) },
    );
  const eachComment = (change: (comment: Comment) => Comment | null) =>
    eachPage((page) => changeIn(page, change));
  const count = (by: number) =>
    known.changeVideo(videoId, (video) => ({
      ...video,
      counts: { ...video.counts, comments: Math.max(0, video.counts.comments + by) },
    }));

  /** Whether it is in some list already: it may have come by itself before the answer to who wrote it. */
  const isKnown = ({ id, rootId }: Comment) => {
    if (rootId === null)
      return cache
        .getQueriesData<Lists>({ queryKey: ["comments", videoId, "list"] })
        .some(([, lists]) => isIn(lists, { id }));
    const has = (items: readonly Comment[] | undefined) => items?.some((one) => one.id === id) === true;
    const replies = cache.getQueryData<Replies>(["comments", videoId, "replies", rootId]);
    return (
      has(cache.getQueryData<Comment[]>(sentKey(videoId))) ||
      replies?.pages.some((page) => has(page.items)) === true
    );
  };

  /** Now, and in answers that are under way, which may be from before. */
  function andAfterwards(act: () => void) {
    act();
    afterAnswers(cache, { queryKey: ["comments", videoId] }, act);
  }
  /** First in each list that does not have it: people see what they have just written, in both orders. */
  const showFirst = (comment: Comment) =>
    cache.setQueriesData<Lists>({ queryKey: ["comments", videoId, "list"] }, (lists) => {
      const [first, ...others] = lists?.pages ?? [];
      // Where it is counted it may be older than a page, and on a later one.
      if (!lists || !first || comment.sequence <= first.upTo || isIn(lists, comment)) return lists;
      return { ...lists, pages: [{ ...first, items: [comment, ...first.items] }, ...others] };
    });

  function show(comment: Comment) {
    const { rootId, sequence } = comment;
    if (rootId === null) return andAfterwards(() => showFirst(comment));
    const has = (page: CommentPage) => sequence <= page.upTo;
    let isNew = false;
    eachPage((page) => {
      if (has(page)) return page;
      isNew = true;
      return changeIn(page, (one) => (one.id === rootId ? { ...one, replies: one.replies + 1 } : one));
    });
    // A thread that was loaded before its comment was does not have it.
    const isLoaded = cache.getQueryData(["comments", videoId, "replies", rootId]) !== undefined;
    if (isNew || isLoaded) cache.setQueryData<Comment[]>(sentKey(videoId), (sent = []) => [...sent, comment]);
  }

  /** It was taken down or restored. */
  function judged({ id, rootId, text, takenDown }: Comment) {
    const change = (one: Comment) => (one.id === id ? { ...one, text, takenDown } : one);
    void cache.invalidateQueries({ queryKey: ["comments", videoId, "named"] });
    andAfterwards(() => {
      eachComment(change);
      if (rootId === null) return;
      cache.setQueryData<Comment[]>(sentKey(videoId), (sent) => sent?.map(change));
      cache.setQueryData<Replies>(
        ["comments", videoId, "replies", rootId],
        (list) =>
          list && { ...list, pages: list.pages.map((page) => ({ ...page, items: page.items.map(change) })) },
      );
    });
  }

  return {
    added(comment: Comment) {
      if (isKnown(comment)) return;
      count(1);
      show(comment);
    },
    /** Others' come by themselves, the newest first; their count comes apart. Moderators change what is known. */
    arrived(comments: readonly Comment[]) {
      for (const comment of [...comments].reverse())
        if (isKnown(comment)) judged(comment);
        else show(comment);
    },
    removed(comment: Comment) {
      count(-1 - comment.replies);
      void cache.resetQueries({ queryKey: ["comments", videoId, "named"] });
      const { rootId } = comment;
      if (rootId === null)
        return andAfterwards(() => eachComment((one) => (one.id === comment.id ? null : one)));
      eachComment((one) => (one.id === rootId ? { ...one, replies: one.replies - 1 } : one));
      cache.setQueryData<Comment[]>(sentKey(videoId), (sent) => sent?.filter((one) => one.id !== comment.id));
      andAfterwards(() =>
        cache.setQueryData<Replies>(
          ["comments", videoId, "replies", rootId],
          (list) =>
            list && {
              ...list,
              pages: list.pages.map((page) => ({
                ...page,
                items: page.items.filter((one) => one.id !== comment.id),
              })),
            },
        ),
      );
    },
    pinned: (comment: Comment | null) =>
      eachPage((page, i) => (i === 0 ? { ...page, pinned: comment } : page)),
    closed: (closed: boolean) => eachPage((page) => ({ ...page, closed })),
  };
}

const isIn = (lists: Lists, { id }: Pick<Comment, "id">): boolean =>
  lists?.pages.some(({ items, pinned }) => pinned?.id === id || items.some((one) => one.id === id)) === true;

function changeIn(page: CommentPage, change: (comment: Comment) => Comment | null): CommentPage {
  const items = page.items.flatMap((comment) => change(comment) ?? []);
  return { ...page, items, pinned: page.pinned && change(page.pinned) };
}

/** Replies written in this window: they are shown before their pages are loaded. */
export const sentKey = (videoId: string) => ["comments", videoId, "sent"];

export function useCommentCache(videoId: string) {
  const cache = useQueryClient();
  const known = useKnown();
  return useMemo(() => createCommentCache(cache, known, videoId), [cache, known, videoId]);
}
