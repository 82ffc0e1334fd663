import type { FeedService } from "#contracts/gen/feed_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { type FollowingFeed, newest } from "../following-feed.ts";
import { classicPage, firstClassMs, maxPage } from "../rules.ts";

export function getClassicFeed(
  feed: FollowingFeed,
  video: Client<typeof VideoService, "listPublished">,
): Handlers<typeof FeedService>["getClassicFeed"] {
  return async (request, call) => {
    const limit = Math.min(request.limit, maxPage);
    const before = request.beforeMs > 0 ? { publishedAtMs: request.beforeMs, videoId: "0" } : newest;
    // What is beyond a thousand that are not for the reader is left to the other feed: these pages have a time alone.
    const { entries: followed } = await feed(requireCaller(call), before, limit + 1, call);
    const first = followed.filter((entry) => entry.publishedAtMs > Date.now() - firstClassMs);
    // A full page of followed authors leaves no room for others.
    const published =
      first.length > limit
        ? []
        : (
            await video.listPublished(
              { beforeMs: request.beforeMs, beforeId: "0", limit: 2 * limit + 1 },
              call,
            )
          ).videos;
    const everybody = published.map((entry) => ({ publishedAtMs: entry.publishedAtMs, videoId: entry.id }));
    const page = classicPage(first, everybody, limit);
    return { videoIds: page.map((entry) => entry.videoId), lastMs: page.at(-1)?.publishedAtMs ?? 0 };
  };
}
