import fastJsonStringify from "fast-json-stringify";
import type { FastifyInstance } from "fastify";
import { LRUCache } from "lru-cache";
import { createBatcher } from "#platform/db/batcher.ts";
import { type MediaUrls, mediaUrls } from "../media-urls.ts";
import { callOf, type PublicCall } from "../request-call.ts";
import type { Surface } from "../surface.ts";
import { answerSchema, endpoint, ok } from "./endpoint.ts";
import { optionalTime } from "./parameters.ts";
import { toClassicVideo, videoSchema } from "./present.ts";

const pageSize = 30;
/** So many pages are looked through for somebody to whom blocks leave nothing of a page. */
const maxPages = 3;
/** A page made while a service could not be reached lacks its part; it is not kept for longer than this. */
const pageReuseMs = 1000;
const answer = { video_list: { type: "array", items: videoSchema }, next_time: { type: "integer" } };

interface GuestPage {
  origin: string;
  beforeMs: number | undefined;
  call: PublicCall;
}

export function feedEndpoint(app: FastifyInstance, surface: Surface): void {
  const { feed, composer, urlsFor } = surface;
  const serialize = fastJsonStringify(answerSchema(answer).response[200] as never);

  /** Apps take an empty page for the end of the feed, so one that blocks have emptied is followed by the next. */
  async function ownPage(beforeMs: number | undefined, call: PublicCall, urls: MediaUrls) {
    for (let pages = 1, before = beforeMs; ; pages++) {
      const found = await feed.getClassicFeed({ beforeMs: before ?? 0, limit: pageSize }, call);
      before = found.lastMs || before;
      const page = await answerOf(found.videoIds, before, call, urls);
      if (page.video_list.length > 0 || found.videoIds.length === 0 || pages === maxPages) return page;
    }
  }

  async function guestsPage(beforeMs: number | undefined, call: PublicCall, urls: MediaUrls) {
    const before = beforeMs === undefined ? undefined : { publishedAtMs: beforeMs, videoId: "0" };
    const found = await feed.getPublicFeed(
      { ...(before && { before }), limit: pageSize, wholeMilliseconds: true },
      call,
    );
    return answerOf(found.videoIds, found.last?.publishedAtMs ?? beforeMs, call, urls);
  }

  async function answerOf(videoIds: string[], nextMs: number | undefined, call: PublicCall, urls: MediaUrls) {
    const clips = await composer.unblockedClips(videoIds, call);
    const video_list = clips.map((clip) => toClassicVideo(clip, urls));
    return { ...ok, video_list, next_time: nextMs ?? Date.now() };
  }

  const made = new LRUCache<string, { mark: string; bytes: Buffer }>({ max: 200, ttl: pageReuseMs });

  async function pageBytes(mark: string, { origin, beforeMs, call }: GuestPage): Promise<Buffer> {
    const key = `${beforeMs} ${origin}`;
    const known = made.get(key);
    if (known && mark !== "" && known.mark === mark) return known.bytes;
    const bytes = Buffer.from(serialize(await guestsPage(beforeMs, call, mediaUrls(origin))));
    made.set(key, { mark, bytes });
    return bytes;
  }

  /**
   * All guests see the same, so those who ask at the same time share one answer, down to its bytes, and those
   * who ask later get the same bytes while nothing has been written. It is never older than the question:
   * whoever asks while one is being made gets the next. Two are under way, so that neither side waits for the other.
   */
  const guestPage = createBatcher(
    async (asked: GuestPage[]): Promise<Buffer[]> => {
      const { mark } = await feed.getMark({}, asked[0]!.call);
      const pages = new Map<string, Promise<Buffer>>();
      return Promise.all(
        asked.map((one) => {
          const key = `${one.beforeMs} ${one.origin}`;
          const page = pages.get(key) ?? pageBytes(mark, one);
          pages.set(key, page);
          return page;
        }),
      );
    },
    { parallel: 2 },
  );

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
