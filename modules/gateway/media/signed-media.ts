import type { BlobKey } from "#platform/blob/blob-store.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { type Signer, signerOf } from "#platform/seal/signer.ts";

/** Long enough for somebody who pauses, short enough for a link that gets around. */
const lastsMs = 3_600_000;
/** They are the same for so long, so that a player and a cache know what they have. */
const sameForMs = 600_000;

/** Why a blob that is not open is served: this person, or a guest, saw it with this video. */
interface MediaPass {
  videoId: string;
  viewerId: string | undefined;
}

/**
 * Signed, short-lived queries of media URLs, for what is not public, and for downloads. They are no permission: they tell for whom a URL
 * was made, and whether this person may see the video is asked again with each request.
 */
export interface SignedMedia {
  queryFor(key: BlobKey, pass: MediaPass): string;
  /** Undefined if it is not signed, for another blob, or too old. */
  passIn(key: BlobKey, query: unknown): MediaPass | undefined;
}

export function signedMedia(secret: string, nowMs = Date.now): SignedMedia {
  const signer: Signer = signerOf(secret, "media URLs");
  const text = (key: BlobKey, video: string, viewer: string, until: string) =>
    `${key} ${video} ${viewer} ${until}`;
  return {
    queryFor(key, { videoId, viewerId = "0" }) {
      const untilMs = (Math.floor(nowMs() / sameForMs) + 1) * sameForMs + lastsMs;
      const until = String(untilMs / 1000);
      const signature = signer.sign(text(key, videoId, viewerId, until));
      return `?video=${videoId}&viewer=${viewerId}&until=${until}&signature=${signature}`;
    },
    passIn(key, query) {
      const { video, viewer, until, signature } = query as Record<string, unknown>;
      if (typeof video !== "string" || typeof viewer !== "string") return undefined;
      if (typeof until !== "string" || typeof signature !== "string") return undefined;
      if (!isId(video) || !(viewer === "0" || isId(viewer)) || !/^\d{1,12}$/.test(until)) return undefined;
      if (!signer.isSigned(text(key, video, viewer, until), signature)) return undefined;
      if (Number(until) * 1000 < nowMs()) return undefined;
      return { videoId: video, viewerId: viewer === "0" ? undefined : viewer };
    },
  };
}
