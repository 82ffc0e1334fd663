import type { FastifyInstance } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import type { BlobKey } from "#platform/blob/blob-store.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { masterPlaylist, rungPlaylist } from "./hls-playlists.ts";
import { playlistsPath } from "./media-urls.ts";
import { storyboardTrack } from "./storyboard-track.ts";

const mpegUrl = "application/vnd.apple.mpegurl";
const usual = { "cache-control": "no-cache", "x-content-type-options": "nosniff" };

/**
 * Playlists of a video's rungs, and the track of its storyboard. They are gone with the video, so nobody keeps them
 * without asking again. What a signed one leads to is signed for the same viewer and until the same time.
 */
export async function hlsRoutes(
  app: FastifyInstance,
  { video, signed, mediaUrl }: Pick<GatewayContext, "video" | "signed" | "mediaUrl">,
): Promise<void> {
  // Our own pages read them from elsewhere then.
  const neverKept = { ...usual, ...(mediaUrl && { "access-control-allow-origin": "*" }) };
  app.route<{ Params: { videoId: string; playlist: string } }>({
    method: ["GET", "HEAD"],
    url: "/media/hls/:videoId/:playlist",
    handler: async (request, reply) => {
      const { videoId, playlist } = request.params;
      const name = /^(?:(master|[1-9]\d{0,4})\.m3u8|storyboard\.vtt)$/.exec(playlist);
      if (!name) throw refusal("NOT_FOUND");
      const path = playlistsPath(videoId);
      const pass = signed.passIn(path, request.query);
      if (pass?.expired) throw refusal("MEDIA_URL_EXPIRED");
      const forModerators = pass?.asModerator;
      const call = { ...callOf(request), callerId: pass?.viewerId, moderator: forModerators };
      const { renditions, storyboard } = await video.getRenditions(
        { videoId, asCaller: pass !== undefined, ...(forModerators && { forModerators }) },
        call,
      );
      const query = (of: string) => (pass ? signed.queryFor(of, pass) : "");
      const uri = (key: BlobKey) => `../../${key}${query(key)}`;
      const rung = renditions.find(({ shortSide }) => String(shortSide) === name[1]);
      reply.headers({ ...neverKept, ...(pass && { "cache-control": "private, no-cache" }) });
      if (rung) return reply.type(mpegUrl).send(rungPlaylist(rung, uri(rung.key)));
      if (name[1] === "master" && renditions.length > 0)
        return reply.type(mpegUrl).send(masterPlaylist(renditions, query(path)));
      if (name[1] === undefined && storyboard)
        return reply.type("text/vtt; charset=utf-8").send(storyboardTrack(storyboard, uri(storyboard.key)));
      throw refusal("NOT_FOUND");
    },
  });
}
