import type { FastifyRequest } from "fastify";
import type { BlobKey } from "#platform/blob/blob-store.ts";

/** URLs, made at the last moment: the database knows keys only. Absolute, or paths of the page's own origin. */
export interface MediaUrls {
  /** Empty where URLs are paths. */
  origin: string;
  blob(key: BlobKey): string;
  avatar(user: { id: string; avatarKey: string }): string;
  background(user: { id: string; backgroundKey: string }): string;
}

export function mediaUrls(origin: string): MediaUrls {
  const blob = (key: BlobKey) => `${origin}/media/${key}`;
  return {
    origin,
    blob,
    avatar: (user) =>
      user.avatarKey ? blob(user.avatarKey) : `${origin}/media/default/avatar/${user.id}.png`,
    background: (user) =>
      user.backgroundKey ? blob(user.backgroundKey) : `${origin}/media/default/background/${user.id}.png`,
  };
}

/**
 * Whether the client looks files up where it found the API itself, whichever of our names that was: our own page may
 * load from its own origin only. It says so by `douya-urls: paths`.
 */
export function wantsPaths(request: FastifyRequest): boolean {
  return request.headers["douya-urls"] === "paths";
}

/** Where the client sees us: DOUYA_PUBLIC_URL, or what it asked for. */
export function originOf(request: FastifyRequest, publicUrl: string): string {
  if (publicUrl) return publicUrl;
  const host = /^[\w.:[\]-]{1,255}$/.test(request.host) ? request.host : "localhost";
  return `${request.protocol}://${host}`;
}
