import type { FastifyRequest } from "fastify";
import type { User } from "#contracts/gen/user_pb.ts";
import type { Video } from "#contracts/gen/video_pb.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { MediaUrls } from "./media-urls.ts";
import { optionalPart } from "./optional-part.ts";
import { callOf } from "./request-call.ts";
import type { Surface } from "./surface.ts";

/** The page plays without a preview: whoever opens it does not wait longer for one. */
const previewMs = 1000;

/** Tags for the head of the page of a video; undefined when there is nothing to tell everybody. */
export type LinkPreview = (id: string, request: FastifyRequest) => Promise<string | undefined>;

/** What a chat shows of a link to a video: what a guest may see, whoever asks. */
export function linkPreview(
  { video, user, urlsFor }: Pick<Surface, "video" | "user" | "urlsFor">,
  log: Logger,
): LinkPreview {
  const optional = optionalPart(log);
  return async (id, request) => {
    if (!isId(id)) return undefined;
    const call = { ...callOf(request, previewMs), callerId: undefined, moderator: undefined };
    const find = async () => {
      const [found] = (await video.getVideos({ ids: [id] }, call)).videos;
      if (!found?.playKey) return undefined;
      const [author] = (await user.getUsers({ ids: [found.authorId] }, call)).users;
      return author && tags(found, author, urlsFor(request));
    };
    return optional(call, "preview", find());
  };
}

function tags(video: Video, author: User, urls: MediaUrls): string {
  const title = video.title || author.name;
  const url = `${urls.origin}/video/${video.id}`;
  const cover = urls.blob(video.coverKey);
  const played = urls.blob(video.playKey);
  const description = `${author.name} · @${author.username}`;
  const properties = {
    "og:type": "video.other",
    "og:site_name": "Douya",
    "og:title": title,
    "og:description": description,
    "og:url": url,
    "og:image": cover,
    "og:video": played,
    "og:video:type": "video/mp4",
    "og:video:width": video.width,
    "og:video:height": video.height,
  };
  return [
    `<title>${escaped(`${title} · Douya`)}</title>`,
    `<meta name="description" content="${escaped(description)}" />`,
    `<link rel="canonical" href="${escaped(url)}" />`,
    `<meta name="twitter:card" content="summary_large_image" />`,
    ...Object.entries(properties).map(
      ([name, value]) => `<meta property="${name}" content="${escaped(`${value}`)}" />`,
    ),
  ].join("\n    ");
}

/** For the text of an element and for an attribute in quotes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
