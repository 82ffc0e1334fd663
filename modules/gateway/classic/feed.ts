import type { FastifyInstance, FastifyReply } from "fastify";
import type { FeedPage } from "../composition/feed-pages.ts";
import { callOf, type PublicCall, requireServices } from "../edge/request-call.ts";
import { colourIn } from "../edge/traffic-colour.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { endpoint, ok } from "./endpoint.ts";
import { optionalTime } from "./parameters.ts";
import { hasFilm, toClassicVideos, videoSchema } from "./present.ts";

const pageSize = 30;
/** How many pages are tried for a caller whose blocks, or whose neighbours' pictures, empty a page. */
const maxPages = 10;
const answer = { video_list: { type: "array", items: videoSchema }, next_time: { type: "integer" } };

export function feedEndpoint(app: FastifyInstance, context: GatewayContext): void {
  const { feed, composer, pages, urlsFor } = context;

  /** Apps take an empty page for the end of the feed, so one in which nothing is for them is replaced by the next. */
  async function filled(beforeMs: number | undefined, call: PublicCall) {
    for (let tried = 1, before = beforeMs; ; tried++) {
      const { videoIds, lastMs } = await (call.callerId ? ownIds : guestsIds)(before, call);
      before = lastMs || before;
      const views = (await composer.feedVideoViews(videoIds, call)).filter(hasFilm);
      if (views.length > 0 || videoIds.length === 0 || tried === maxPages) return { views, nextMs: before };
    }
  }

  const ownIds = (beforeMs: number | undefined, call: PublicCall) =>
    feed.getClassicFeed({ beforeMs: beforeMs ?? 0, limit: pageSize }, call);

  async function guestsIds(beforeMs: number | undefined, call: PublicCall) {
    const before = beforeMs === undefined ? undefined : { publishedAtMs: beforeMs, videoId: "0" };
    const asked = { ...(before && { before }), limit: pageSize, wholeMilliseconds: true };
    const { videoIds, last } = await feed.getPublicFeed(asked, call);
    return { videoIds, lastMs: last?.publishedAtMs };
  }

  async function make(
    beforeMs: number | undefined,
    call: PublicCall,
    urls: MediaUrls,
    reply: FastifyReply,
  ): Promise<FeedPage> {
    const { views, nextMs } = await filled(beforeMs, call);
    const video_list = toClassicVideos(views, urls);
    const page = { ...ok, video_list, next_time: nextMs ?? Date.now() };
    return { text: reply.serializeInput(page, "200") as string, views };
  }

  endpoint(app, context, {
    method: "GET",
    path: "/feed",
    answer,
    async handle(parameters, request, reply) {
      const beforeMs = optionalTime(parameters, "latest_time");
      const urls = urlsFor(request);
      const key = `classic ${beforeMs} ${urls.origin} ${colourIn(request)}`;
      requireServices(request);
      const page = await pages.get(
        key,
        request.identity,
        () => callOf(request),
        (call) => make(beforeMs, call, urls, reply),
      );
      return reply.type("application/json; charset=utf-8").send(page);
    },
  });
}
