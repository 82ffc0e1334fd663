import type { FeedService } from "#contracts/gen/feed_pb.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type FollowingFeed, newest } from "../following-feed.ts";
import { maxPage } from "../rules.ts";

export function getFollowingFeed(feed: FollowingFeed): Handlers<typeof FeedService>["getFollowingFeed"] {
  return async (request, call) => {
    const limit = Math.min(request.limit, maxPage);
    const entries = await feed(requireCaller(call), request.before ?? newest, limit + 1, call);
    const page = entries.slice(0, limit);
    const last = page.at(-1);
    return {
      videoIds: page.map((entry) => entry.videoId),
      ...(entries.length > limit &&
        last && { next: { publishedAtMs: last.publishedAtMs, videoId: last.videoId } }),
    };
  };
}
