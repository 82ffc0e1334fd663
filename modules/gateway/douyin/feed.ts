import fastJsonStringify from "fast-json-stringify";
import type { FastifyInstance } from "fastify";
import { createBatcher } from "#platform/db/batcher.ts";
import type { Call } from "#platform/rpc/call.ts";
import { type MediaUrls, mediaUrls } from "../media-urls.ts";
import { callOf } from "../request-call.ts";
import type { Surface } from "../surface.ts";
import { answerSchema, endpoint, ok } from "./endpoint.ts";
import { optionalTime } from "./parameters.ts";
import { toClassicVideo, videoSchema } from "./present.ts";

const pageSize = 30;
const answer = { video_list: { type: "array", items: videoSchema }, next_time: { type: "integer" } };

interface GuestPage {
  origin: string;
  beforeMs: number | undefined;
  call: Call;
}

export function feedEndpoint(app: FastifyInstance, surface: Surface): void {
  const { feed, composer, urlsFor } = surface;
  const serialize = fastJsonStringify(answerSchema(answer).response[200] as never);

  async function ownPage(beforeMs: number | undefined, call: Call, urls: MediaUrls) {
    const found = await feed.getClassicFeed({ beforeMs: beforeMs ?? 0, limit: pageSize }, call);
    return answerOf(found.videoIds, found.lastMs || beforeMs, call, urls);
  }

  async function guestsPage(beforeMs: number | undefined, call: Call, urls: MediaUrls) {
    const before = beforeMs === undefined ? undefined : { publishedAtMs: beforeMs, videoId: "0" };
    const found = await feed.getPublicFeed(
      { ...(before && { before }), limit: pageSize, wholeMilliseconds: true },
      call,
    );
    return answerOf(found.videoIds, found.last?.publishedAtMs ?? beforeMs, call, urls);
  }

  async function answerOf(videoIds: string[], nextMs: number | undefined, call: Call, urls: MediaUrls) {
    const clips = await composer.clipsById(videoIds, call);
    const video_list = clips.map((clip) => toClassicVideo(clip, urls));
    return { ...ok, video_list, next_time: nextMs ?? Date.now() };
  }

  /**
   * All guests see the same, so those who ask at the same time share one answer, down to its bytes. It is never
   * older than the question: whoever asks while one is being made gets the next.
   */
  const guestPage = createBatcher(async (asked: GuestPage[]): Promise<Buffer[]> => {
    const made = new Map<string, Promise<Buffer>>();
    const bytes = async ({ beforeMs, call, origin }: GuestPage) =>
      Buffer.from(serialize(await guestsPage(beforeMs, call, mediaUrls(origin))));
    return Promise.all(
      asked.map((one) => {
        const key = `${one.beforeMs} ${one.origin}`;
        const shared = made.get(key) ?? bytes(one);
        made.set(key, shared);
        return shared;
      }),
    );
  });

  endpoint(app, surface, {
    method: "GET",
    path: "/feed",
    auth: "optional",
    answer,
    async handle(parameters, request, reply) {
      const beforeMs = optionalTime(parameters, "latest_time");
      const call = callOf(request);
      const urls = urlsFor(request);
      if (request.identity) return ownPage(beforeMs, call, urls);
      const bytes = await guestPage({ origin: urls.origin, beforeMs, call });
      return reply.type("application/json; charset=utf-8").send(bytes);
    },
  });
}
