import { isId } from "#platform/ids/snowflake.ts";
import { type Signer, signerOf } from "#platform/seal/signer.ts";

/** Long enough for somebody who pauses, short enough for a link that gets around. */
const lastsMs = 3_600_000;
/** They are the same for so long, so that a player and a cache know what they have. */
const sameForMs = 600_000;

const moderators = "moderator";

/** Why what is not open is served: this person, or a guest, saw it with this video, or with this message. */
interface MediaPass {
  /** Ids of messages and of videos never are the same. */
  videoId: string;
  viewerId: string | undefined;
  /** Whether it was given to them as a moderator, to whom whatever was reported is shown. */
  asModerator?: boolean;
}
interface SignedPass extends MediaPass {
  /** Unix time, in seconds. */
  until: number;
  expired: boolean;
}

/**
 * Signed, short-lived queries of media URLs, for what is not public, and for downloads. They are no permission: they tell for whom a URL
 * was made, and whether this person may see the video is asked again with each request.
 */
export interface SignedMedia {
  /** `path`: below /media, a blob's key mostly. `until`: that of the address through which one comes to this one. */
  queryFor(path: string, pass: MediaPass & { until?: number }): string;
  /** Undefined if it is not signed, or for another path. */
  passIn(path: string, query: unknown): SignedPass | undefined;
}

export function signedMedia(secret: string, nowMs = Date.now): SignedMedia {
  const signer: Signer = signerOf(secret, "media URLs");
  const text = (path: string, video: string, viewer: string, until: string, as = "") =>
    `${path} ${video} ${viewer} ${until}${as && ` ${as}`}`;
  const lasts = () => ((Math.floor(nowMs() / sameForMs) + 1) * sameForMs + lastsMs) / 1000;
  return {
    queryFor(path, { videoId, viewerId = "0", asModerator, until = lasts() }) {
      const as = asModerator ? moderators : undefined;
      const signature = signer.sign(text(path, videoId, viewerId, String(until), as));
      return `?video=${videoId}&viewer=${viewerId}&until=${until}${as ? `&as=${as}` : ""}&signature=${signature}`;
    },
    passIn(path, query) {
      const { video, viewer, until, as, signature } = query as Record<string, unknown>;
      if (typeof video !== "string" || typeof viewer !== "string") return undefined;
      if (typeof until !== "string" || typeof signature !== "string") return undefined;
      if (!isId(video) || !(viewer === "0" || isId(viewer)) || !/^\d{1,12}$/.test(until)) return undefined;
      if (!(as === undefined || as === moderators)) return undefined;
      if (!signer.isSigned(text(path, video, viewer, until, as), signature)) return undefined;
      return {
        videoId: video,
        viewerId: viewer === "0" ? undefined : viewer,
        asModerator: as === moderators,
        until: Number(until),
        expired: Number(until) * 1000 < nowMs(),
      };
    },
  };
}
