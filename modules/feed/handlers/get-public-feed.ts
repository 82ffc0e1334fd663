import type { FeedService } from "#contracts/gen/feed_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { endPage, maxPage } from "../rules.ts";

export function getPublicFeed(
  video: Client<typeof VideoService, "listPublished">,
): Handlers<typeof FeedService>["getPublicFeed"] {
  return async (request, call) => {
    const { before } = request;
    const limit = Math.min(request.limit, maxPage);
    // One row more than asked for shows whether the page ends inside a millisecond.
    const published = await video.listPublished(
      { beforeMs: before?.publishedAtMs ?? 0, beforeId: before?.videoId ?? "", limit: limit + 1 },
      call,
    );
    const { page, more } = endPage(published.videos, limit, request.wholeMilliseconds);
    const last = page.at(-1);
    const position = last && { publishedAtMs: last.publishedAtMs, videoId: last.id };
    return {
      videoIds: page.map((entry) => entry.id),
      ...(position && { last: position }),
      ...(position && more && { next: position }),
    };
  };
}
