import type { FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { Composer } from "./composition/composer.ts";
import type { FeedPages } from "./composition/feed-pages.ts";
import type { Plays } from "./composition/plays.ts";
import type { Admit } from "./edge/admit.ts";
import type { Auth } from "./edge/auth.ts";
import type { Limits } from "./edge/limits.ts";
import type { SessionCookie } from "./edge/session-cookie.ts";
import type { ExportMaker } from "./exports/make-exports.ts";
import type { GatewayClients } from "./gateway-calls.ts";
import { type MediaUrls, mediaUrls, originOf, wantsPaths } from "./media/media-urls.ts";
import type { ResumableIntake } from "./media/resumable-intake.ts";
import type { SentFilms } from "./media/sent-films.ts";
import type { SignedMedia } from "./media/signed-media.ts";
import type { UploadIntake } from "./media/upload-intake.ts";
import type { RealtimeUrl } from "./realtime/endpoints-route.ts";
import type { Hubs } from "./realtime/hubs.ts";
import type { TimelineHub } from "./realtime/timeline-hub.ts";

/** What the routes of both public APIs are given. */
export interface GatewayContext {
  user: GatewayClients["user"];
  relation: GatewayClients["relation"];
  video: GatewayClients["video"];
  interaction: GatewayClients["interaction"];
  message: GatewayClients["message"];
  feed: GatewayClients["feed"];
  playback: GatewayClients["playback"];
  moderation: GatewayClients["moderation"];
  auth: Auth;
  composer: Composer;
  pages: FeedPages;
  plays: Plays;
  intake: UploadIntake;
  resumable: ResumableIntake;
  maxUploadBytes: number;
  limits: Limits;
  admit: Admit;
  blobs: BlobStore;
  cookie: SessionCookie;
  publicUrl: string;
  /** What the URLs of public files begin with; empty: what others do. */
  mediaUrl: string;
  realtimeUrls: RealtimeUrl[];
  signed: SignedMedia;
  films: SentFilms;
  exports: Pick<ExportMaker, "wake">;
  protect: Pick<Protection, "boundedQueue">;
  hub: TimelineHub;
  hubs: Hubs;
  log: Logger;
  urlsFor(request: FastifyRequest): MediaUrls;
  /** For a moderator, of what was reported: whoever may see it. Error: MODERATORS_ONLY. */
  urlsForModerator(request: FastifyRequest): MediaUrls;
  /** URLs of an origin, which is empty where they are paths. */
  urlsAt(origin: string, viewerId: string | undefined): MediaUrls;
}

export function urlsOf(
  publicUrl: string,
  mediaUrl: string,
  signed: SignedMedia,
  films: Pick<SentFilms, "markedPath">,
): Pick<GatewayContext, "urlsFor" | "urlsForModerator" | "urlsAt"> {
  const urlsAt = (origin: string, viewerId: string | undefined, asModerator?: boolean) =>
    mediaUrls(origin, signed, viewerId, films, mediaUrl || origin, asModerator);
  const originFor = (request: FastifyRequest) => (wantsPaths(request) ? "" : originOf(request, publicUrl));
  return {
    urlsAt,
    urlsFor: (request) => urlsAt(originFor(request), request.identity?.userId),
    urlsForModerator(request) {
      if (!request.identity?.moderator) throw refusal("MODERATORS_ONLY");
      return urlsAt(originFor(request), request.identity.userId, true);
    },
  };
}
