import type { FastifyRequest } from "fastify";
import { isId } from "#platform/ids/snowflake.ts";
import { fitOf, ratioOf } from "#platform/media/fit.ts";
import type { Logger } from "#platform/observe/log.ts";
import { toFeedPage } from "../api/feed-page.ts";
import { toApiVideo } from "../api/present.ts";
import { optionalPart } from "../composition/optional-part.ts";
import { callOf, type PublicCall } from "../edge/request-call.ts";
import { colourIn } from "../edge/traffic-colour.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { escaped } from "./link-preview.ts";

/** The client's first request to the feed. */
const feedLimit = 10;

type ApiVideo = ReturnType<typeof toApiVideo>;

/** Markup for the body of the client's page; undefined if there is nothing to show. */
export interface FirstScreen {
  feed(request: FastifyRequest): Promise<string | undefined>;
  video(id: string, request: FastifyRequest): Promise<string | undefined>;
}

/**
 * The beginning of a page for a guest: the answer that its script would request, and the first film in its own
 * element. So the film loads and plays while the script is still loading; the script takes both over
 * (`apps/web/src/feed/first-screen.ts`). URLs are paths, since the page may have been requested under any name.
 */
export function firstScreen(
  { feed, composer, pages, urlsAt }: Pick<GatewayContext, "feed" | "composer" | "pages" | "urlsAt">,
  log: Logger,
): FirstScreen {
  const optional = optionalPart(log);
  const urls = urlsAt("", undefined);
  const guestCall = (request: FastifyRequest): PublicCall => ({
    ...callOf(request),
    callerId: undefined,
    moderator: undefined,
  });
  return {
    async feed(request) {
      const call = guestCall(request);
      const page = () =>
        pages.get(
          `first-screen ${colourIn(request)}`,
          undefined,
          () => call,
          async (call) => {
            const { videoIds, next } = await feed.getPublicFeed({ limit: feedLimit }, call);
            const views = await composer.feedVideoViews(videoIds, call);
            const answer = toFeedPage(views, next, urls);
            const [film] = answer.items;
            return { text: film?.playUrl ? markup({ feed: answer }, film) : "", views };
          },
        );
      return (await optional(call, "first-screen", page))?.toString() || undefined;
    },
    async video(id, request) {
      if (!isId(id)) return undefined;
      const call = guestCall(request);
      const [view] = (await optional(call, "first-screen", () => composer.videoViewsById([id], call))) ?? [];
      const video = view && toApiVideo(view, urls);
      return video?.playUrl ? markup({ video }, video) : undefined;
    },
  };
}

/**
 * The same boxes and classes as the client's own slide, so that nothing moves when it takes over. The aspect ratio is
 * in a style element, which the page's policy names by its hash.
 */
function markup(answers: { feed?: unknown; video?: ApiVideo }, film: ApiVideo): string {
  const cover = film.coverUrl
    ? `<img class="stage-cover" src="${escaped(film.coverUrl)}" alt="" fetchpriority="high" />`
    : "";
  // Inside a script element only "<" could end it.
  const json = JSON.stringify(answers).replaceAll("<", "\\u003c");
  return `<style>#first-screen .slide{--ratio:${ratioOf(film).toFixed(4)}}</style>
    <div id="first-screen" class="main" data-video="true" aria-hidden="true">
      ${answers.feed ? '<div class="feed-tabs"></div>' : ""}
      <div class="feed"><div class="slide">
        <div class="stage" data-fit="${fitOf(film)}">${cover}
          <div class="stage-holder"><video class="stage-video" src="${escaped(film.playUrl!)}" preload="auto"
            autoplay muted loop playsinline disableremoteplayback tabindex="-1"></video></div>
        </div>
        <div class="rail"><i class="rail-button"></i></div>
      </div></div>
    </div>
    <script type="application/json" id="first-answers">${json}</script>`;
}
