import type { FastifyRequest } from "fastify";
import type { FeedService } from "#contracts/gen/feed_pb.ts";
import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Client } from "#platform/rpc/service.ts";
import type { Auth } from "./auth.ts";
import type { Composer } from "./composer.ts";
import { type MediaUrls, mediaUrls, originOf, wantsPaths } from "./media-urls.ts";
import type { SessionCookie } from "./session-cookie.ts";
import type { UploadIntake } from "./upload-intake.ts";

/** What both public surfaces stand on. */
export interface Surface {
  user: Client<typeof UserService>;
  relation: Client<typeof RelationService>;
  video: Client<typeof VideoService>;
  interaction: Client<typeof InteractionService>;
  message: Client<typeof MessageService>;
  feed: Client<typeof FeedService>;
  auth: Auth;
  composer: Composer;
  intake: UploadIntake;
  blobs: BlobStore;
  cookie: SessionCookie;
  publicUrl: string;
  urlsFor(request: FastifyRequest): MediaUrls;
}

export function urlsFor(publicUrl: string): Surface["urlsFor"] {
  return (request) => mediaUrls(wantsPaths(request) ? "" : originOf(request, publicUrl));
}
