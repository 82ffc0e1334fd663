import type { FeedService } from "#contracts/gen/feed_pb.ts";
import { takePage } from "#platform/db/take-page.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type FollowingFeed, newest } from "../following-feed.ts";
import { maxPage } from "../rules.ts";

export function getFollowingFeed(feed: FollowingFeed): Handlers<typeof FeedService>["getFollowingFeed"] {
  return async (request, call) => {
    const { rows, after } = await takePage(request.limit, maxPage, (limit) =>
      feed(requireCaller(call), request.before ?? newest, limit, call),
    );
    return {
      videoIds: rows.map((entry) => entry.videoId),
      ...(after && { next: { publishedAtMs: after.publishedAtMs, videoId: after.videoId } }),
    };
  };
}
