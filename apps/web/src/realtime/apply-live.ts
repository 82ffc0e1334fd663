import type { QueryClient } from "@tanstack/react-query";
import { createKnown } from "../api/known.ts";
import type { SessionStore } from "../api/session.ts";
import type { Video } from "../api/types.ts";
import { createCommentCache } from "../comments/comment-cache.ts";
import type { LiveVideo } from "./live.ts";

/** While the viewer's own tap is on its way, its number is shown already. */
const AGAIN_MS = 300;
const DONE = new Set(["published", "ready", "failed"]);

/** Writes what has changed of videos into every list that shows them. */
export function applyLive(cache: QueryClient, session: Pick<SessionStore, "user" | "updateUser">) {
  const known = createKnown(cache, session);
  const waiting = new Map<string, NonNullable<LiveVideo["counts"]>>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const isBusy = (videoId: string) =>
    cache
      .getMutationCache()
      .findAll({ status: "pending" })
      .some(({ options }) => options.scope?.id.endsWith(` ${videoId}`));
  function showCounts() {
    timer = undefined;
    for (const [videoId, counts] of waiting) {
      if (isBusy(videoId)) continue;
      waiting.delete(videoId);
      known.changeVideo(videoId, (video) => ({ ...video, counts: { ...video.counts, ...counts } }));
    }
    if (waiting.size > 0) timer = setTimeout(showCounts, AGAIN_MS);
  }

  return (videos: readonly LiveVideo[]) => {
    for (const { videoId, gone, counts, comments, state, progress, failure, steps } of videos) {
      // It says so itself.
      if (gone) void cache.invalidateQueries({ queryKey: ["video", videoId] });
      if (counts) waiting.set(videoId, counts);
      if (comments) createCommentCache(cache, known, videoId).arrived(comments);
      if (state === undefined || steps === undefined) continue;
      const before = cache.getQueryData<Video>(["video", videoId])?.state;
      const work = { state, steps, ...(progress !== undefined && { progress }), failure: failure ?? null };
      known.changeVideo(videoId, (video) => ({ ...video, ...work }));
      const goesOn = steps.some((step) => step.state === "waiting" || step.state === "running");
      // The files that were made are known with the whole answer.
      if (DONE.has(state) && (before !== state || !goesOn))
        for (const queryKey of [["video", videoId], ["me"]]) void cache.invalidateQueries({ queryKey });
    }
    if (!timer) showCounts();
  };
}
