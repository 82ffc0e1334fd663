import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import { createKnown } from "../api/known.ts";
import type { Comment } from "../api/types.ts";
import { createCommentCache, sentKey } from "./comment-cache.ts";

const comment = (id: string, replies = 0, rootId: string | null = null) =>
  ({ id, replies, rootId, videoId: "11", sequence: Number(id) }) as Comment;

function filled() {
  const cache = new QueryClient();
  const known = createKnown(cache, { user: () => null, updateUser: () => {} });
  cache.setQueryData(["video", "11"], {
    id: "11",
    playUrl: "/v",
    reaction: null,
    counts: { likes: 0, comments: 5 },
  });
  for (const sort of ["heat", "time"])
    cache.setQueryData(["comments", "11", "list", sort], {
      pages: [
        { items: [comment("3", 2)], nextCursor: "x", pinned: comment("1"), closed: false, upTo: 5 },
        { items: [comment("1")], nextCursor: null, pinned: null, closed: false, upTo: 5 },
      ],
      pageParams: [undefined, "x"],
    });
  cache.setQueryData(["comments", "11", "replies", "3"], {
    pages: [{ items: [comment("4", 0, "3"), comment("5", 0, "3")], nextCursor: null }],
    pageParams: [undefined],
  });
  const ids = (sort: string) =>
    cache
      .getQueryData<{ pages: { items: Comment[] }[] }>(["comments", "11", "list", sort])!
      .pages.map((page) => page.items.map((one) => `${one.id}+${one.replies}`));
  const count = () => cache.getQueryData<{ counts: { comments: number } }>(["video", "11"])!.counts.comments;
  return { cache, ids, count, comments: createCommentCache(cache, known, "11") };
}

it("shows a new comment first in both orders and counts it", () => {
  const { ids, count, comments } = filled();
  comments.added(comment("6"));
  for (const sort of ["heat", "time"]) expect(ids(sort)).toEqual([["6+0", "3+2"], ["1+0"]]);
  expect(count()).toBe(6);
});

it("counts a reply at its comment and keeps it until its page is loaded", () => {
  const { cache, ids, count, comments } = filled();
  const reply = comment("7", 0, "3");
  comments.added(reply);
  expect(ids("time")).toEqual([["3+3"], ["1+0"]]);
  expect(cache.getQueryData(sentKey("11"))).toEqual([reply]);
  comments.removed(reply);
  expect(ids("time")).toEqual([["3+2"], ["1+0"]]);
  expect(cache.getQueryData(sentKey("11"))).toEqual([]);
  expect(count()).toBe(5);
});

it("changes what moderators take down, wherever it is, and counts nothing", () => {
  const { cache, ids, count, comments } = filled();
  const down = { text: "", takenDown: true };
  const [first, reply] = [
    { ...comment("1"), ...down },
    { ...comment("4", 0, "3"), ...down },
  ];
  comments.arrived([first, reply]);
  type Lists = { pages: { items: Comment[]; pinned: Comment }[] };
  const { pages } = cache.getQueryData<Lists>(["comments", "11", "list", "heat"])!;
  expect([pages[0]!.pinned, pages[1]!.items[0]]).toMatchObject([down, down]);
  const replies = cache.getQueryData<Lists>(["comments", "11", "replies", "3"])!.pages[0]!.items;
  expect(replies.map(({ takenDown }) => takenDown)).toEqual([true, undefined]);
  expect(ids("time")).toEqual([["3+2"], ["1+0"]]);
  expect(count()).toBe(5);
});

it("takes a comment away with its replies, also from the pinned place", () => {
  const { cache, ids, count, comments } = filled();
  comments.removed(comment("3", 2));
  expect(ids("heat")).toEqual([[], ["1+0"]]);
  expect(count()).toBe(2);
  comments.removed(comment("1"));
  expect(cache.getQueryData(["comments", "11", "list", "heat"])).toMatchObject({
    pages: [{ pinned: null }, {}],
  });
});

it("takes a reply out of its loaded page", () => {
  const { cache, comments } = filled();
  comments.removed(comment("4", 0, "3"));
  expect(cache.getQueryData(["comments", "11", "replies", "3"])).toMatchObject({
    pages: [{ items: [{ id: "5" }] }],
  });
});

it("shows what came by itself once, whether it comes before or after the answer to who wrote it", () => {
  const { cache, ids, count, comments } = filled();
  comments.arrived([comment("7", 0, "3"), comment("6"), comment("1"), comment("5", 0, "3")]);
  for (const sort of ["heat", "time"]) expect(ids(sort)).toEqual([["6+0", "3+3"], ["1+0"]]);
  expect(cache.getQueryData(sentKey("11"))).toEqual([comment("7", 0, "3")]);
  comments.arrived([comment("7", 0, "3"), comment("6")]);
  comments.added(comment("6"));
  for (const sort of ["heat", "time"]) expect(ids(sort)).toEqual([["6+0", "3+3"], ["1+0"]]);
  // Their count comes apart.
  expect(count()).toBe(5);
});

it("shows a reply that is counted already in a thread that was loaded before it", () => {
  const { cache, ids, comments } = filled();
  const reply = { ...comment("7", 0, "3"), sequence: 5 };
  comments.arrived([reply]);
  expect(ids("time")).toEqual([["3+2"], ["1+0"]]);
  expect(cache.getQueryData(sentKey("11"))).toEqual([reply]);
});

it("does not show as new what is on a later page, or counted with its comment", () => {
  const { cache, ids, comments } = filled();
  comments.arrived([comment("6"), comment("5", 0, "1"), comment("2")]);
  for (const sort of ["heat", "time"]) expect(ids(sort)).toEqual([["6+0", "3+2"], ["1+0"]]);
  expect(cache.getQueryData(sentKey("11"))).toBeUndefined();
});

it("keeps what was written while a page was under way, and what was deleted away", async () => {
  const { cache, ids, comments } = filled();
  let answer = (_: unknown) => {};
  const queryKey = ["comments", "11", "list", "time"];
  const page = { items: [comment("0")], nextCursor: null, pinned: null, closed: false, upTo: 5 };
  const observed = cache.fetchInfiniteQuery({
    queryKey,
    queryFn: () => new Promise((resolve) => (answer = resolve)),
    initialPageParam: undefined,
    getNextPageParam: () => undefined,
    staleTime: 0,
  });
  comments.added(comment("6"));
  comments.removed(comment("0"));
  await Promise.resolve();
  answer({ ...page, items: [comment("3", 2), comment("0")] });
  await observed;
  expect(ids("time")).toEqual([["6+0", "3+2"]]);
});
