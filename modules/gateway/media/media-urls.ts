import type { FastifyRequest } from "fastify";
import { type Video, VideoState, Visibility } from "#contracts/gen/video_pb.ts";
import type { BlobKey } from "#platform/blob/blob-store.ts";
import type { SentFilms } from "./sent-films.ts";
import type { SignedMedia } from "./signed-media.ts";

/** URLs are made at the last moment: the database has only keys. Absolute, or paths of the page's own origin. */
export interface MediaUrls {
  /** Empty where URLs are paths. */
  origin: string;
  /** What a video shows; signed for the viewer if it is not public, or not yet. */
  ofVideo(video: Pick<Video, "id" | "visibility" | "state">, key: BlobKey): string;
  /** The film of a video for a client that tells nothing of what is watched: that it is sent is counted, unless a CDN sends it. */
  film(video: Pick<Video, "id" | "visibility" | "state" | "playKey">): string;
  /** The film of a video, to be saved; signed for the viewer, since who saves it is counted. */
  download(video: Pick<Video, "id" | "visibility" | "state" | "playKey">): string;
  /** The playlist of all rungs of a video, which leads to what is signed as it is; null where there are none. */
  hls(video: Pick<Video, "id" | "visibility" | "state" | "renditions">): string | null;
  /** Of the small pictures for scrubbing; null while there are none. */
  storyboard(video: Pick<Video, "id" | "visibility" | "state" | "hasStoryboard">): string | null;
  /** The picture of a message, or of one that was reported (then the id of the report), signed for the viewer. */
  ofMessage(messageId: string, key: BlobKey): string;
  /** The file with all of somebody's data, signed for them. */
  ofExport(userId: string, key: BlobKey): string;
  avatar(user: { id: string; avatarKey: string }): string;
  background(user: { id: string; backgroundKey: string }): string;
}

/**
 * URLs for one viewer, or for a guest. What is for everybody may be loaded from elsewhere: `openOrigin`. As a moderator
 * one goes on looking at what is taken down meanwhile, so all of a video is signed.
 */
export function mediaUrls(
  origin: string,
  signed: SignedMedia,
  viewerId: string | undefined,
  films: Pick<SentFilms, "markedPath">,
  openOrigin = origin,
  asModerator = false,
): MediaUrls {
  type Shown = Pick<Video, "id" | "visibility" | "state">;
  const blob = (key: BlobKey) => `${openOrigin}/media/${key}`;
  const ofVideo = (video: Shown, path: string, file = path) =>
    isOpen(video) && !asModerator
      ? `${openOrigin}/media/${file}`
      : `${origin}/media/${file}${signed.queryFor(path, { videoId: video.id, viewerId, asModerator })}`;
  const playlist = (video: Shown, name: string) =>
    ofVideo(video, playlistsPath(video.id), `${playlistsPath(video.id)}/${name}`);
  return {
    origin,
    ofVideo: (video, key) => ofVideo(video, key),
    film(video) {
      const { id, playKey } = video;
      const isOurs = !isOpen(video) || openOrigin === origin;
      return ofVideo(video, playKey, isOurs ? films.markedPath(playKey, id, viewerId) : playKey);
    },
    download(video) {
      const path = downloadPath(video.id);
      const named = viewerId !== undefined || !isOpen(video);
      const pass = { videoId: video.id, viewerId, asModerator };
      return `${origin}/media/${path}${named ? signed.queryFor(path, pass) : ""}`;
    },
    hls: (video) => (video.renditions.length > 0 ? playlist(video, "master.m3u8") : null),
    storyboard: (video) => (video.hasStoryboard ? playlist(video, "storyboard.vtt") : null),
    ofMessage: (messageId, key) =>
      `${origin}/media/${key}${signed.queryFor(key, { videoId: messageId, viewerId })}`,
    ofExport: (userId, key) =>
      `${origin}/media/${key}${signed.queryFor(key, { videoId: userId, viewerId: userId })}`,
    avatar: (user) =>
      user.avatarKey ? blob(user.avatarKey) : `${openOrigin}/media/default/avatar/${user.id}.png`,
    background: (user) =>
      user.backgroundKey ? blob(user.backgroundKey) : `${openOrigin}/media/default/background/${user.id}.png`,
  };
}

/** Below /media; what their signatures are for. */
export const downloadPath = (videoId: string): string => `download/${videoId}`;
/** One signature is for all of a video's playlists. */
export const playlistsPath = (videoId: string): string => `hls/${videoId}`;

/** Whether its files are for everybody. */
const isOpen = ({ visibility, state }: Pick<Video, "visibility" | "state">): boolean =>
  isPublic(visibility) && state === VideoState.PUBLISHED;

/** Unspecified by a process of an earlier release, where everything is. */
export function isPublic(visibility: Visibility): boolean {
  return visibility === Visibility.PUBLIC || visibility === Visibility.UNSPECIFIED;
}

/**
 * Whether the client loads files from the origin where it found the API, whichever of our names that was: our own
 * page may load only from its origin, and from DOUYA_MEDIA_URL. It sends `douya-urls: paths`.
 */
export function wantsPaths(request: FastifyRequest): boolean {
  return request.headers["douya-urls"] === "paths";
}

/** The origin that the client sees: DOUYA_PUBLIC_URL, or the host of the request. */
export function originOf(request: FastifyRequest, publicUrl: string): string {
  if (publicUrl) return publicUrl;
  const host = /^[\w.:[\]-]{1,255}$/.test(request.host) ? request.host : "localhost";
  return `${request.protocol}://${host}`;
}
