import type { FastifyRequest } from "fastify";
import type { User } from "#contracts/gen/user_pb.ts";
import type { Video } from "#contracts/gen/video_pb.ts";
import { pictureOf } from "#contracts/picture-number.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Logger } from "#platform/observe/log.ts";
import { optionalPart } from "../composition/optional-part.ts";
import { callOf, type PublicCall } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { isPublic, type MediaUrls } from "../media/media-urls.ts";

/** Tags for the head of a page; null if nothing public has that id, undefined if it could not be found out. */
export interface LinkPreview {
  /** `picture`: the number of that of a post which is to be shown. */
  video(id: string, request: FastifyRequest, picture?: number): Promise<string | null | undefined>;
  user(id: string, request: FastifyRequest): Promise<string | null | undefined>;
  /** To what a shared link leads; null if to nothing, undefined if it could not be found out. */
  shared(
    code: string,
    request: FastifyRequest,
  ): Promise<{ videoId: string; picture: number } | null | undefined>;
  /** For any other page. */
  site(request: FastifyRequest): string;
}

/** The preview that a chat shows for a link: what a guest may see, whoever asks. */
export function linkPreview(
  { video, user, interaction, urlsFor }: Pick<GatewayContext, "video" | "user" | "interaction" | "urlsFor">,
  log: Logger,
): LinkPreview {
  const optional = optionalPart(log);
  const ask = async (
    id: string,
    request: FastifyRequest,
    find: (call: PublicCall, urls: MediaUrls) => Promise<Preview | null>,
  ) => {
    if (!isId(id)) return null;
    const call = { ...callOf(request), callerId: undefined, moderator: undefined };
    const found = await optional(call, "preview", () => find(call, urlsFor(request)));
    return found && tags(found);
  };
  const personOf = async (id: string, call: PublicCall) =>
    (await user.getUsers({ ids: [id] }, call)).users[0];
  return {
    video: (id, request, picture) =>
      ask(id, request, async (call, urls) => {
        const [found] = (await video.getVideos({ ids: [id] }, call)).videos;
        if (!found?.coverKey) return null;
        const author = await personOf(found.authorId, call);
        return author ? videoPreview(found, author, urls, picture) : null;
      }),
    user: (id, request) =>
      ask(id, request, async (call, urls) => {
        const person = await personOf(id, call);
        return person ? userPreview(person, urls) : null;
      }),
    shared: (code, request) => {
      const call = { ...callOf(request), callerId: undefined, moderator: undefined };
      const find = async () => {
        const found = await interaction.resolveShare({ code }, call);
        return found.videoId ? found : null;
      };
      return optional(call, "preview", find);
    },
    site: (request) => tags(sitePreview(urlsFor(request))),
  };
}

interface Preview {
  title: string;
  description: string;
  url: string;
  card: "summary" | "summary_large_image";
  /** Search engines are asked to leave it out: only who has the link is to find it. */
  unlisted?: boolean;
  /** In addition to the tags of every page. */
  properties: Record<string, string | number>;
}

/** That for phones; small pictures have fewer. */
const SHOWN_SIZE = 1;

function videoPreview(video: Video, author: User, urls: MediaUrls, picture = 0): Preview {
  const shown = pictureOf(video.pictures, picture)?.sizes;
  return {
    title: video.title || author.name,
    description: `${author.name} · @${author.username}`,
    url: `${urls.origin}/video/${video.id}`,
    card: "summary_large_image",
    unlisted: !isPublic(video.visibility),
    properties: {
      "og:image": urls.ofVideo(video, (shown?.[SHOWN_SIZE] ?? shown?.at(-1))?.key ?? video.coverKey),
      ...(video.playKey
        ? {
            "og:type": "video.other",
            "og:video": urls.ofVideo(video, video.playKey),
            "og:video:type": "video/mp4",
            "og:video:width": video.width,
            "og:video:height": video.height,
          }
        : { "og:type": "article" }),
    },
  };
}

function userPreview(user: User, urls: MediaUrls): Preview {
  return {
    title: user.name,
    description: [`@${user.username}`, user.signature].filter(Boolean).join(" · "),
    url: `${urls.origin}/user/${user.id}`,
    card: "summary",
    properties: { "og:type": "profile", "og:image": urls.avatar(user), "profile:username": user.username },
  };
}

function sitePreview({ origin }: MediaUrls): Preview {
  return {
    title: "Douya",
    description: "Short videos, on your own server.",
    url: `${origin}/`,
    card: "summary",
    properties: { "og:type": "website", "og:image": `${origin}/icon-512.png` },
  };
}

function tags({ title, description, url, card, unlisted, properties }: Preview): string {
  const all = {
    "og:site_name": "Douya",
    "og:title": title,
    "og:description": description,
    "og:url": url,
    ...properties,
  };
  const heading = title === "Douya" ? title : `${title} · Douya`;
  return [
    `<title>${escaped(heading)}</title>`,
    `<meta name="description" content="${escaped(description)}" />`,
    `<link rel="canonical" href="${escaped(url)}" />`,
    ...(unlisted ? [`<meta name="robots" content="noindex" />`] : []),
    `<meta name="twitter:card" content="${card}" />`,
    ...Object.entries(all).map(
      ([name, value]) => `<meta property="${name}" content="${escaped(`${value}`)}" />`,
    ),
  ].join("\n    ");
}

/** For the text of an element and for a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
