import type { FastifyRequest } from "fastify";
import type { BlobKey } from "#platform/blob/blob-store.ts";

/** URLs are made at the last moment: the database has only keys. Absolute, or paths of the page's own origin. */
export interface MediaUrls {
  /** Empty where URLs are paths. */
  origin: string;
  blob(key: BlobKey): string;
  /** The playlist of all rungs of a video. */
  hls(videoId: string): string;
  avatar(user: { id: string; avatarKey: string }): string;
  background(user: { id: string; backgroundKey: string }): string;
}

export function mediaUrls(origin: string): MediaUrls {
  const blob = (key: BlobKey) => `${origin}/media/${key}`;
  return {
    origin,
    blob,
    hls: (videoId) => `${origin}/media/hls/${videoId}/master.m3u8`,
    avatar: (user) =>
      user.avatarKey ? blob(user.avatarKey) : `${origin}/media/default/avatar/${user.id}.png`,
    background: (user) =>
      user.backgroundKey ? blob(user.backgroundKey) : `${origin}/media/default/background/${user.id}.png`,
  };
}

/**
 * Whether the client loads files from the origin where it found the API, whichever of our names that was: our own
 * page may load only from its origin. It sends `douya-urls: paths`.
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
