import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import { withCount, withFollow, withReaction } from "../social/relations.ts";
import { createKnown } from "./known.ts";
import type { User, Video } from "./types.ts";

const counts = { videos: 1, following: 2, followers: 3, likesReceived: 4, likesGiven: 5 };
const user = (id: string) => ({ id, username: id, followsYou: false, followed: false, counts }) as User;
const video = (id: string, author: User) =>
  ({ id, author, playUrl: "/v", reaction: null, counts: { likes: 7, comments: 1 } }) as unknown as Video;

it("changes a video and a person in every list, and nothing else", () => {
  const cache = new QueryClient();
  const [ada, bob] = [user("1"), user("2")];
  let self = ada;
  const known = createKnown(cache, {
    user: () => self,
    updateUser: (next) => {
      self = next;
    },
  });
  const others = { pages: [{ items: [video("12", bob)] }] };
  cache.setQueryData(["feed", "public"], { pages: [{ items: [video("11", ada), video("12", bob)] }] });
  cache.setQueryData(["video", "11"], video("11", ada));
  cache.setQueryData(["user", "2", "videos"], others);

  known.changeVideo("11", (one) => withReaction(one, "like"));
  expect(cache.getQueryData(["feed", "public"])).toMatchObject({
    pages: [{ items: [{ reaction: "like", counts: { likes: 8 } }, { reaction: null }] }],
  });
  expect(cache.getQueryData(["video", "11"])).toMatchObject({ counts: { likes: 8, comments: 1 } });
  expect(cache.getQueryData(["user", "2", "videos"])).toBe(others);

  known.changeUser("1", (one) => withCount(one, "likesReceived", 1));
  expect(cache.getQueryData(["video", "11"])).toMatchObject({ author: { counts: { likesReceived: 5 } } });
  expect(self.counts.likesReceived).toBe(5);
});

it("leaves stale data stale", async () => {
  const cache = new QueryClient();
  const known = createKnown(cache, { user: () => null, updateUser: () => {} });
  cache.setQueryData(["video", "11"], video("11", user("1")));
  await cache.invalidateQueries({ queryKey: ["video"] });
  known.changeVideo("11", (one) => withReaction(one, "dislike"));
  expect(cache.getQueryState(["video", "11"])).toMatchObject({
    isInvalidated: true,
    data: { reaction: "dislike" },
  });
});

it("changes what comes with an answer that was under way, and later answers not", async () => {
  const cache = new QueryClient();
  const known = createKnown(cache, { user: () => null, updateUser: () => {} });
  let arrive = (_: Video) => {};
  const ask = () =>
    cache.prefetchQuery({
      queryKey: ["video", "11"],
      queryFn: () => new Promise<Video>((resolve) => (arrive = resolve)),
      staleTime: 0,
    });
  const first = ask();
  known.changeVideo("11", (one) => withReaction(one, "like"));
  arrive(video("11", user("1")));
  await first;
  expect(cache.getQueryData(["video", "11"])).toMatchObject({ reaction: "like", counts: { likes: 8 } });
  const second = ask();
  arrive(video("11", user("1")));
  await second;
  expect(cache.getQueryData(["video", "11"])).toMatchObject({ reaction: null, counts: { likes: 7 } });
});

it("adds nothing to an answer that was under way and has the change already, or half of it", async () => {
  const cache = new QueryClient();
  const known = createKnown(cache, { user: () => null, updateUser: () => {} });
  const queryKey = ["video", "11"];
  cache.setQueryData(queryKey, video("11", user("1")));
  for (const half of [
    { ...video("11", user("1")), counts: { likes: 8, comments: 9 } },
    { ...video("11", user("1")), reaction: "like" },
  ]) {
    let arrive = (_: unknown) => {};
    const asked = cache.fetchQuery({ queryKey, queryFn: () => new Promise((resolve) => (arrive = resolve)) });
    known.changeVideo("11", (one) => withReaction(one, "like"));
    known.changeUser("1", (one) => withCount(one, "likesReceived", 1));
    arrive({ ...half, author: { ...user("1"), counts: { ...counts, likesReceived: 5 } } });
    await asked;
    expect(cache.getQueryData(queryKey)).toMatchObject({
      reaction: "like",
      counts: { likes: 8 },
      author: { counts: { likesReceived: 5 } },
    });
    cache.setQueryData(queryKey, video("11", user("1")));
  }
});

it("counts a like and a follow once, whatever the state before", () => {
  const liked = withReaction(video("11", user("1")), "like");
  expect(withReaction(liked, "like").counts.likes).toBe(8);
  expect(withReaction(liked, "dislike").counts.likes).toBe(7);
  expect(withReaction(video("11", user("1")), "dislike").counts.likes).toBe(7);
  const followed = withFollow(user("1"), true);
  expect(followed.counts.followers).toBe(4);
  expect(withFollow(followed, true).counts.followers).toBe(4);
  expect(withFollow(followed, false).counts.followers).toBe(3);
});
