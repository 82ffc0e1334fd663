import { concernedBy, feedEvents } from "#contracts/feed-changes.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { Changes } from "#platform/cache/validated-cache.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import type { Identity } from "../edge/auth.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { VideoView } from "./video-views.ts";

/** About 4,000 pages. */
const maxCachedBytes = 64 * 1024 * 1024;
/** The classic feed puts followed authors first for some time after publishing, and no event tells when that ends. */
const maxAgeMs = 600_000;

/** A page as it is sent, and what it depends on. */
export interface FeedPage {
  text: string;
  views: VideoView[];
}

/**
 * Pages of feeds as bytes, for every API, cached until an event concerns them (docs/adr/0011). The caller asks the
 * feed for the videos of a page and the composer for their views, and serialises the page in its own form.
 */
export interface FeedPages {
  /**
   * `key` contains everything that the page depends on except the reader: list, position, size, form and origin. `callOf`
   * makes the call that loads the page.
   */
  get(
    key: string,
    reader: Identity | undefined,
    callOf: () => PublicCall,
    make: (call: PublicCall) => Promise<FeedPage>,
  ): Promise<Buffer>;
}

interface CachedPage {
  bytes: Buffer;
  /** See PublicCall. */
  missing: ReadonlySet<string>;
}

export function createFeedPages(events: EventBroadcast, caches: Pick<Caches, "validated">): FeedPages {
  const cache = caches.validated<CachedPage>("feed pages", {
    changesSince: (cursor) => changesSince(events, cursor),
    sizeOf: ({ bytes }) => bytes.length,
    maxBytes: maxCachedBytes,
    maxAgeMs,
  });
  return {
    async get(key, reader, callOf, make) {
      const page = await cache.get(`${reader?.userId} ${reader?.moderator} ${key}`, callOf, async () => {
        const call = callOf();
        const { text, views } = await make(call);
        const shown = views.flatMap(({ video, author }) => [video.id, author.user.id]);
        return {
          value: { bytes: Buffer.from(text), missing: call.missing },
          dependencies: reader ? [reader.userId, ...shown] : shown,
          complete: call.missing.size === 0,
        };
      });
      // Another caller may have made it.
      if (page.missing.size > 0) for (const what of page.missing) callOf().missing.add(what);
      return page.bytes;
    },
  };
}

async function changesSince(events: EventBroadcast, since: string): Promise<Changes> {
  const { cursor, events: changes } = await events.changesSince(feedEvents, since);
  const ids = changes?.map(concernedBy);
  if (!ids || ids.includes(undefined)) return { cursor, ids: [], everything: true };
  return { cursor, ids: [...new Set(ids.flat() as string[])], everything: false };
}
