import type { FastifyInstance, FastifyReply } from "fastify";
import type { FeedPage } from "../feed-pages.ts";
import type { MediaUrls } from "../media-urls.ts";
import { callOf, type PublicCall } from "../request-call.ts";
import type { Surface } from "../surface.ts";
import { endpoint, ok } from "./endpoint.ts";
import { optionalTime } from "./parameters.ts";
import { toClassicVideo, videoSchema } from "./present.ts";

const pageSize = 30;
/** Number of pages that are tried for a caller to whom blocks leave nothing of a page. */
const maxPages = 3;
const answer = { video_list: { type: "array", items: videoSchema }, next_time: { type: "integer" } };

export function feedEndpoint(app: FastifyInstance, surface: Surface): void {
  const { feed, composer, pages, urlsFor } = surface;

  /** Apps take an empty page for the end of the feed, so one that blocks have emptied is followed by the next. */
  async function ownPage(beforeMs: number | undefined, call: PublicCall) {
    for (let tried = 1, before = beforeMs; ; tried++) {
      const { videoIds, lastMs } = await feed.getClassicFeed(
        { beforeMs: before ?? 0, limit: pageSize },
        call,
      );
      before = lastMs || before;
      const clips = await composer.feedClips(videoIds, call);
      if (clips.length > 0 || videoIds.length === 0 || tried === maxPages) return { clips, nextMs: before };
    }
  }

  async function guestsPage(beforeMs: number | undefined, call: PublicCall) {
    const before = beforeMs === undefined ? undefined : { publishedAtMs: beforeMs, videoId: "0" };
    const asked = { ...(before && { before }), limit: pageSize, wholeMilliseconds: true };
    const { videoIds, last } = await feed.getPublicFeed(asked, call);
    return { clips: await composer.feedClips(videoIds, call), nextMs: last?.publishedAtMs ?? beforeMs };
  }

  async function make(
    beforeMs: number | undefined,
    call: PublicCall,
    urls: MediaUrls,
    reply: FastifyReply,
  ): Promise<FeedPage> {
    const { clips, nextMs } = await (call.callerId ? ownPage : guestsPage)(beforeMs, call);
    const video_list = clips.map((clip) => toClassicVideo(clip, urls));
    const page = { ...ok, video_list, next_time: nextMs ?? Date.now() };
    return { text: reply.serializeInput(page, "200") as string, clips };
  }

  endpoint(app, surface, {
    method: "GET",
    path: "/feed",
    auth: "optional",
    answer,
    async handle(parameters, request, reply) {
      const beforeMs = optionalTime(parameters, "latest_time");
      const call = callOf(request);
      const urls = urlsFor(request);
      const key = `classic ${beforeMs} ${urls.origin}`;
      const page = await pages.get(key, call, () => make(beforeMs, call, urls, reply));
      return reply.type("application/json; charset=utf-8").send(page);
    },
  });
}
