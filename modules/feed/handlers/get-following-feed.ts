import type { FeedService } from "#contracts/gen/feed_pb.ts";
import { takePage } from "#platform/db/take-page.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type FollowingFeed, newest } from "../following-feed.ts";
import { type Entry, maxPage } from "../rules.ts";

export function getFollowingFeed(feed: FollowingFeed): Handlers<typeof FeedService>["getFollowingFeed"] {
  return async (request, call) => {
    let lookedUpTo: Entry | undefined;
    const { rows, after } = await takePage(request.limit, maxPage, async (limit) => {
      const page = await feed(requireCaller(call), request.before ?? newest, limit, call);
      lookedUpTo = page.lookedUpTo;
      return page.entries;
    });
    const next = after ?? lookedUpTo;
    return {
      videoIds: rows.map((entry) => entry.videoId),
      ...(next && { next: { publishedAtMs: next.publishedAtMs, videoId: next.videoId } }),
    };
  };
}
