import type { FastifyInstance } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { masterPlaylist, rungPlaylist } from "./hls-playlists.ts";
import { storyboardTrack } from "./storyboard-track.ts";

const usual = { "cache-control": "no-cache", "x-content-type-options": "nosniff" };

/** Playlists of a video's rungs, and the track of its storyboard. They are gone with the video, so nobody keeps them without asking again. */
export async function hlsRoutes(
  app: FastifyInstance,
  { video, mediaUrl }: Pick<GatewayContext, "video" | "mediaUrl">,
): Promise<void> {
  // Our own pages read them from elsewhere then.
  const neverKept = { ...usual, ...(mediaUrl && { "access-control-allow-origin": "*" }) };
  app.route<{ Params: { videoId: string; playlist: string } }>({
    method: ["GET", "HEAD"],
    url: "/media/hls/:videoId/:playlist",
    handler: async (request, reply) => {
      const { videoId, playlist } = request.params;
      if (playlist === "storyboard.vtt") {
        const { storyboard } = await video.getRenditions({ videoId }, callOf(request));
        if (!storyboard) throw refusal("NOT_FOUND");
        return reply
          .headers(neverKept)
          .type("text/vtt; charset=utf-8")
          .send(storyboardTrack(storyboard, `../../${storyboard.key}`));
      }
      const name = /^(master|[1-9]\d{0,4})\.m3u8$/.exec(playlist)?.[1];
      if (!name) throw refusal("NOT_FOUND");
      const { renditions } = await video.getRenditions({ videoId }, callOf(request));
      const rung = renditions.find(({ shortSide }) => String(shortSide) === name);
      if (name === "master" ? renditions.length === 0 : !rung) throw refusal("NOT_FOUND");
      return reply
        .headers(neverKept)
        .type("application/vnd.apple.mpegurl")
        .send(rung ? rungPlaylist(rung, `../../${rung.key}`) : masterPlaylist(renditions));
    },
  });
}
