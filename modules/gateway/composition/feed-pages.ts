import { everyFeed } from "#contracts/feed-changes.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { Validity } from "#platform/cache/validity.ts";
import type { Identity } from "../edge/auth.ts";
import type { PublicCall } from "../edge/request-call.ts";
import { maxAgeMs } from "./feed-validity.ts";
import { filled, type PageWithHoles, withHoles } from "./page-holes.ts";
import type { Plays } from "./plays.ts";
import type { VideoView } from "./video-views.ts";

/** About 4,000 pages; as they were sent last they take as much again. */
const maxCachedBytes = 64 * 1024 * 1024;

/** A page as it is sent, and what it depends on. */
export interface FeedPage {
  text: string;
  views: VideoView[];
}

/**
 * Pages of feeds as bytes, for every API, cached until an event concerns them (docs/adr/0011); views and where one stopped
 * watching are put in when a page is sent. The caller asks the feed for the videos of a page and the composer for their
 * views, and serialises the page in its own form.
 */
export interface FeedPages {
  /**
   * To be asked when the services of the route are there: whether a kept page still holds is a question to the database.
   * `key` contains everything that the page depends on except the reader: list, position, size, form, origin and colour. `callOf`
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
  page: PageWithHoles;
  /** See PublicCall. */
  missing: ReadonlySet<string>;
  /** As it was sent last, for as long as nothing else would be put in. */
  sent?: { bytes: Buffer; untilMs: number; resumes: Resumes };
}

type Resumes = Awaited<ReturnType<Plays["resumesOf"]>> | undefined;

export function createFeedPages(
  validity: Validity,
  caches: Pick<Caches, "validated">,
  plays: Pick<Plays, "viewsOf" | "resumesOf">,
): FeedPages {
  const cache = caches.validated<CachedPage>("feed pages", {
    validity,
    sizeOf: ({ page }) => page.bytes,
    maxBytes: maxCachedBytes,
    maxAgeMs,
  });
  return {
    async get(key, reader, callOf, make) {
      const cached = await cache.get(
        `${reader?.userId} ${reader?.moderator} ${key}`,
        callOf,
        async (asOf) => {
          const call = { ...callOf(), asOf };
          const { text, views } = await make(call);
          const shown = [everyFeed, ...views.flatMap(({ video, author }) => [video.id, author.user.id])];
          return {
            value: {
              page: withHoles(
                text,
                views.map(({ video }) => video.id),
              ),
              missing: call.missing,
            },
            dependencies: reader ? [reader.userId, ...shown] : shown,
            complete: call.missing.size === 0,
          };
        },
      );
      // Another caller may have made it.
      const { page, missing, sent } = cached;
      if (missing.size > 0) for (const what of missing) callOf().missing.add(what);
      const { videoIds, hasResumes } = page;
      if (videoIds.length === 0) return page.pieces[0]!;
      const isFresh = sent !== undefined && performance.now() < sent.untilMs;
      const [resumes, views] = await Promise.all([
        reader && hasResumes ? plays.resumesOf(reader.userId, videoIds, callOf) : undefined,
        isFresh ? undefined : plays.viewsOf(videoIds, callOf),
      ]);
      if (isFresh && resumes === sent.resumes) return sent.bytes;
      const { counts, untilMs } = views ?? (await plays.viewsOf(videoIds, callOf));
      const bytes = filled(page, counts, resumes);
      if (videoIds.every((id) => counts.has(id))) cached.sent = { bytes, untilMs, resumes };
      return bytes;
    },
  };
}
