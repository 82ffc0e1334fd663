import type { FastifyRequest } from "fastify";
import type { BlobKey } from "#platform/blob/blob-store.ts";

/** Absolute URLs, made at the last moment: the database knows keys only. */
export interface MediaUrls {
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

/** Where the client sees us: DOUYA_PUBLIC_URL, or what it asked for. */
export function originOf(request: FastifyRequest, publicUrl: string): string {
  if (publicUrl) return publicUrl;
  const host = /^[\w.:[\]-]{1,255}$/.test(request.host) ? request.host : "localhost";
  return `${request.protocol}://${host}`;
}
