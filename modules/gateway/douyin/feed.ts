import fastJsonStringify from "fast-json-stringify";
import type { FastifyInstance } from "fastify";
import { createFreshCache, type Made } from "#platform/cache/fresh-cache.ts";
import type { MediaUrls } from "../media-urls.ts";
import { callOf, type PublicCall } from "../request-call.ts";
import type { Surface } from "../surface.ts";
import { answerSchema, endpoint, ok } from "./endpoint.ts";
import { optionalTime } from "./parameters.ts";
import { toClassicVideo, videoSchema } from "./present.ts";

const pageSize = 30;
/** So many pages are looked through for somebody to whom blocks leave nothing of a page. */
const maxPages = 3;
/** Some 4,000 pages. */
const maxKeptBytes = 64 * 1024 * 1024;
/** What one follows comes first while it is young, which no event tells of. */
const maxAgeMs = 600_000;
const answer = { video_list: { type: "array", items: videoSchema }, next_time: { type: "integer" } };

interface Page {
  bytes: Buffer;
  /** See PublicCall. */
  missing: ReadonlySet<string>;
}

export function feedEndpoint(app: FastifyInstance, surface: Surface): void {
  const { feed, composer, urlsFor } = surface;
  const serialize = fastJsonStringify(answerSchema(answer).response[200] as never);
  const pages = createFreshCache<Page>({
    changesSince: (mark, call) => feed.getChanges({ mark }, call),
    sizeOf: ({ bytes }) => bytes.length,
    maxBytes: maxKeptBytes,
    maxAgeMs,
  });

  /** Apps take an empty page for the end of the feed, so one that blocks have emptied is followed by the next. */
  async function ownPage(beforeMs: number | undefined, call: PublicCall, urls: MediaUrls) {
    for (let pages = 1, before = beforeMs; ; pages++) {
      const found = await feed.getClassicFeed({ beforeMs: before ?? 0, limit: pageSize }, call);
      before = found.lastMs || before;
      const answer = await answerOf(found.videoIds, before, call, urls);
      const { length } = answer.page.video_list;
      if (length > 0 || found.videoIds.length === 0 || pages === maxPages) return answer;
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
    const clips = await composer.feedClips(videoIds, call);
    const video_list = clips.map((clip) => toClassicVideo(clip, urls));
    const ids = clips.flatMap(({ video, author }) => [video.id, author.user.id]);
    return { page: { ...ok, video_list, next_time: nextMs ?? Date.now() }, ids };
  }

  async function make(beforeMs: number | undefined, call: PublicCall, urls: MediaUrls): Promise<Made<Page>> {
    const { callerId, missing } = call;
    const { page, ids } = await (callerId ? ownPage : guestsPage)(beforeMs, call, urls);
    return {
      value: { bytes: Buffer.from(serialize(page)), missing },
      madeOf: callerId ? [callerId, ...ids] : ids,
      complete: missing.size === 0,
    };
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
      const key = `${call.callerId} ${call.moderator} ${beforeMs} ${urls.origin}`;
      const { bytes, missing } = await pages.get(key, call, () => make(beforeMs, call, urls));
      for (const what of missing) call.missing.add(what);
      return reply.type("application/json; charset=utf-8").send(bytes);
    },
  });
}
