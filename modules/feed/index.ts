import { FeedService } from "#contracts/gen/feed_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { defineModule } from "#platform/module/module.ts";
import { getPublicFeed } from "./handlers/get-public-feed.ts";

/** Which videos to show, in which order. */
export const feedModule = defineModule<object>()({
  name: "feed",
  service: FeedService,
  calls: { video: VideoService },
  async start({ clients }) {
    return { handlers: { getPublicFeed: getPublicFeed(clients.video) } };
  },
});
