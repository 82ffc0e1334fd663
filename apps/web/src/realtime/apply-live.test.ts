import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Video } from "../api/types.ts";
import { applyLive } from "./apply-live.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const told = { likes: 1, comments: 2, bookmarks: 0, reposts: 0, shares: 0, downloads: 0 };
const counts = { ...told, views: 7 };
function filled(more: Partial<Video> = {}) {
  const cache = new QueryClient();
  const video = { id: "11", playUrl: "/v", reaction: null, counts, state: "published", steps: [], ...more };
  cache.setQueryData(["video", "11"], video);
  cache.setQueryData(["feed", "public"], { pages: [{ items: [video] }], pageParams: [undefined] });
  const apply = applyLive(cache, { user: () => null, updateUser: () => {} });
  const shown = () => cache.getQueryData<Video>(["video", "11"])!;
  const isStale = () => cache.getQueryState(["video", "11"])!.isInvalidated;
  return { cache, apply, shown, isStale };
}

it("moves the counts of a video everywhere", () => {
  const { cache, apply, shown } = filled();
  apply([{ videoId: "11", counts: { ...told, likes: 5 } }]);
  expect(shown().counts).toEqual({ ...counts, likes: 5 });
  const feed = cache.getQueryData<{ pages: { items: Video[] }[] }>(["feed", "public"])!;
  expect(feed.pages[0]!.items[0]!.counts.likes).toBe(5);
});

it("keeps what the viewer has just tapped until it is answered, and shows the latest counts then", async () => {
  const { cache, apply, shown } = filled();
  let answer = () => {};
  const tap = cache.getMutationCache().build(cache, {
    scope: { id: "reaction 11" },
    mutationFn: () =>
      new Promise<void>((resolve) => {
        answer = resolve;
      }),
  });
  void tap.execute(undefined);
  await vi.advanceTimersByTimeAsync(1);
  apply([{ videoId: "11", counts: { ...told, likes: 3 } }]);
  apply([{ videoId: "11", counts: { ...told, likes: 4 } }]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(shown().counts.likes).toBe(1);
  answer();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(shown().counts.likes).toBe(4);
});

it("shows the steps of the work, and fetches the whole once it is made", () => {
  const { apply, shown, isStale } = filled({ state: "processing", progress: 0.1 });
  const processing = { name: "processing", state: "running" } as Video["steps"][number];
  apply([{ videoId: "11", state: "processing", progress: 0.5, steps: [processing] }]);
  expect(shown()).toMatchObject({ state: "processing", progress: 0.5, steps: [processing] });
  expect(isStale()).toBe(false);
  apply([{ videoId: "11", state: "published", progress: 1, steps: [{ ...processing, state: "done" }] }]);
  expect([shown().state, isStale()]).toEqual(["published", true]);
});

it("asks again for a video that one may not see any more", () => {
  const { apply, isStale } = filled();
  apply([{ videoId: "11", gone: true }]);
  expect(isStale()).toBe(true);
});
