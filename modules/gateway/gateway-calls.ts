import { FeedService } from "#contracts/gen/feed_pb.ts";
import { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { MessageService } from "#contracts/gen/message_pb.ts";
import { ModerationService } from "#contracts/gen/moderation_pb.ts";
import { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import type { Clients } from "#platform/module/module.ts";
import { allBut } from "#platform/rpc/service.ts";

/** All methods for public requests; what only modules ask each other, or gateways of an earlier release, is left out. */
export const gatewayCalls = {
  user: allBut(UserService, "findUsers", "moderatePeople"),
  relation: allBut(RelationService),
  video: allBut(
    VideoService,
    ...(["listPublished", "findPublished", "changeTitle", "moderateVideos"] as const),
    ...(["leaseMediaJob", "keepMediaJobs", "readMediaInput", "writeMediaFile"] as const),
    ...(["placeMediaFile", "finishMediaJob", "returnMediaJob"] as const),
  ),
  interaction: allBut(
    InteractionService,
    ...(["getInterests", "moderateComments", "moderateVideoComments"] as const),
  ),
  message: allBut(MessageService, ...(["moderateMessages", "moderateGroups"] as const)),
  feed: allBut(FeedService),
  playback: allBut(PlaybackService),
  moderation: allBut(ModerationService),
};

export type GatewayClients = Clients<typeof gatewayCalls>;
