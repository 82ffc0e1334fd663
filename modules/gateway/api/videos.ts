import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import { refusal } from "#contracts/reasons.ts";
import { addressKey } from "#platform/http/client-address.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { callOf, type PublicCall, requireServices } from "../edge/request-call.ts";
import { colourIn } from "../edge/traffic-colour.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toFeedPage } from "./feed-page.ts";
import { fileOf } from "./file-body.ts";
import { toApiUpload, toApiVideo, visibilityOf } from "./present.ts";
import {
  answers,
  Id,
  IdParams,
  NoContent,
  nullable,
  PageQuery,
  pageOf,
  VisibilityName,
  WhyQuery,
} from "./schemas.ts";

const Title = Type.String({
  maxLength: 1600,
  description: "At most 200 characters, without line breaks.",
});
const Description = Type.String({
  maxLength: 16_000,
  description: "At most 2,000 characters, with at most 100 line breaks.",
});
const Alt = Type.String({
  maxLength: 2400,
  description:
    "What a picture shows, for people who cannot see it: at most 300 characters, without line breaks.",
});
const Visibility = {
  ...VisibilityName,
  description:
    "Who sees it once it is published: everybody; everybody with the link, and no list; people who follow the author " +
    "and are followed back; the author. Others are answered as if there were no such video.",
};
const Draft = Type.Boolean({
  description:
    "Not published yet: nobody but the author sees it. `false` publishes it, as soon as it is made. What is published " +
    "is no draft again.",
});
const PublishAt = {
  format: "date-time",
  description: "When it is published, within a year; it is a draft until then.",
} as const;
const DownloadAllowed = Type.Boolean({ description: "Whether clients offer to save the file." });

/** Uploading, publishing, watching and deleting. */
export function videoRoutes({
  moderation,
  video,
  interaction,
  feed,
  composer,
  pages,
  intake,
  blobs,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      "/uploads",
      {
        config: { takesFile: true },
        schema: {
          summary: "Upload a file: the body is the file",
          description:
            "A video, or a picture for a post of pictures (JPEG, PNG, WebP, HEIC or AVIF, at most 20 MB and 50 million pixels). " +
            "Refused at once when the first bytes are neither's, and after a full probe when it cannot be shown. " +
            "An upload that is not published within a day is thrown away.",
          tags: ["videos"],
          consumes: ["application/octet-stream", "video/*", "image/*"],
          response: answers({ 201: Type.Ref("Upload") }),
        },
      },
      async (request, reply) => {
        const [source, from] = fileOf(request);
        // It may break off while we ask.
        source.on("error", () => {});
        await intake.refuseOverQuota(from, callOf(request));
        const staged = await intake.receiveMedia(source, from);
        const upload = await intake.addUpload(staged, addressKey(request.ip), callOf(request));
        return reply.code(201).send(toApiUpload(upload));
      },
    );
    app.get(
      "/me/storage",
      {
        schema: {
          summary: "How much one keeps, and may keep",
          description:
            "The files that one has uploaded count, with the size that they came with, until the upload, its post, " +
            "or this picture of a post is deleted or has failed; and files on their way, as announced. What is made of them, pictures of profiles and " +
            "chosen covers do not.",
          tags: ["videos"],
          response: answers({
            200: Type.Object({
              usedBytes: Type.Integer(),
              quotaBytes: nullable(Type.Integer({ minimum: 1, description: "Null: there is no limit." })),
              directUploads: Type.Boolean({
                description:
                  "Whether files may be put straight into the S3 of the server, `POST /uploads/direct`.",
              }),
            }),
          }),
        },
      },
      async (request) => {
        const { usedBytes, quotaBytes } = await video.getStorage({}, callOf(request));
        return { usedBytes, quotaBytes: quotaBytes || null, directUploads: blobs.direct !== undefined };
      },
    );
    app.post(
      "/videos",
      {
        schema: {
          summary: "Publish an upload, or several as a post of pictures",
          description:
            "With `uploadId` a video, with `pictures` a post of pictures, in their order. Asking again for the same upload, " +
            "or the same pictures in whatever order, gives the same video as it was published.",
          tags: ["videos"],
          body: Type.Object({
            uploadId: Type.Optional(Id),
            pictures: Type.Optional(
              Type.Array(Type.Object({ uploadId: Id, alt: Type.Optional(Alt) }), {
                minItems: 1,
                maxItems: 35,
              }),
            ),
            title: Title,
            description: Type.Optional(Description),
            visibility: Type.Optional({ ...Visibility, default: "public" }),
            downloadAllowed: Type.Optional(DownloadAllowed),
            draft: Type.Optional(Draft),
            publishAt: Type.Optional(Type.String(PublishAt)),
          }),
          response: answers({ 201: Type.Ref("Video") }),
        },
      },
      async (request, reply) => {
        const call = callOf(request);
        const { uploadId, pictures, ...said } = request.body;
        if ((uploadId === undefined) === (pictures === undefined))
          throw refusal("INVALID_ARGUMENT", "Send either uploadId or pictures.");
        const published = pictures
          ? await video.publishPictures({ pictures, ...inNumbers(said) }, call)
          : await video.publish({ uploadId: uploadId!, ...inNumbers(said) }, call);
        const [view] = await composer.videoViews([published], call);
        // Its author has just asked to delete their account.
        if (!view) throw accountDeleted();
        return reply.code(201).send(toApiVideo(view, urlsFor(request)));
      },
    );
    app.get(
      "/videos/:id",
      {
        schema: {
          summary: "One video; the author also sees it before it is published",
          tags: ["videos"],
          params: IdParams,
          response: answers({ 200: Type.Ref("Video") }),
        },
      },
      async (request) => {
        const [view] = await composer.videoViewsById([request.params.id], callOf(request));
        if (!view) throw refusal("VIDEO_NOT_FOUND");
        return toApiVideo(view, urlsFor(request));
      },
    );
    app.patch(
      "/videos/:id",
      {
        schema: {
          summary: "Change one's own video",
          description:
            "What is left out stays. A change of visibility counts from the next request on, for everybody; URLs of " +
            "files that are not public are signed, and last about an hour.",
          tags: ["videos"],
          params: IdParams,
          body: Type.Object({
            title: Type.Optional(Title),
            description: Type.Optional(Description),
            visibility: Type.Optional(Visibility),
            downloadAllowed: Type.Optional(DownloadAllowed),
            coverAtMs: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: 86_400_000,
                description:
                  "The time of the picture that is the cover; once the video is made. If it cannot be, nothing is changed.",
              }),
            ),
            draft: Type.Optional(Draft),
            publishAt: Type.Optional(
              Type.Unsafe<string | null>({
                type: ["string", "null"],
                ...PublishAt,
                description: `${PublishAt.description} Null: at no set time.`,
              }),
            ),
            pictures: Type.Optional(
              Type.Array(
                Type.Object({
                  number: Type.Integer({ minimum: 1, maximum: 35 }),
                  alt: Type.Optional(Alt),
                }),
                {
                  minItems: 1,
                  maxItems: 35,
                  description:
                    "Of a post of pictures that is made: those that stay, in their order. The others are removed for good.",
                },
              ),
            ),
            commentsAllowed: Type.Optional(
              Type.Boolean({ description: "Whether there may be more comments." }),
            ),
          }),
          response: answers({ 200: Type.Ref("Video") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { id } = request.params;
        const { commentsAllowed, coverAtMs, ...change } = request.body;
        const said = { id, ...inNumbers(change) };
        const changed = await (coverAtMs === undefined
          ? video.updateVideo(said, call)
          : video.updateVideoAndCover({ ...said, coverAtMs }, call));
        // Theirs to keep. If it fails, the same request does the rest.
        if (commentsAllowed !== undefined)
          await interaction.closeComments({ videoId: id, closed: !commentsAllowed }, call);
        const [view] = await composer.videoViews([changed], call);
        if (!view) throw accountDeleted();
        return toApiVideo(view, urlsFor(request));
      },
    );
    app.put(
      "/videos/:id/cover",
      {
        config: { takesFile: true },
        schema: {
          summary: "Set the cover of one's own video: a JPEG, PNG, WebP or GIF of at most 8 MB",
          description:
            "It is cut to the shape of the video. PATCH with coverAtMs takes a picture of the video.",
          tags: ["videos"],
          consumes: ["image/*", "application/octet-stream"],
          params: IdParams,
          response: answers({ 200: Type.Ref("Video") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const staged = await intake.receivePicture(...fileOf(request));
        const picture = { case: "staged" as const, value: staged.name };
        const changed = await video.setCover({ id: request.params.id, picture }, call);
        const [view] = await composer.videoViews([changed], call);
        if (!view) throw accountDeleted();
        return toApiVideo(view, urlsFor(request));
      },
    );
    app.delete(
      "/videos/:id",
      {
        schema: {
          summary: "Delete one's own video",
          tags: ["videos"],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await video.deleteVideo({ id: request.params.id }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    for (const [method, held, summary] of [
      [
        "PUT",
        true,
        "Put a video on hold: it cannot be deleted, nor the account of its author; moderators only",
      ],
      ["DELETE", false, "Take the hold off a video; moderators only"],
    ] as const) {
      app.route({
        method,
        url: "/videos/:id/hold",
        schema: {
          summary,
          tags: ["videos"],
          params: IdParams,
          querystring: WhyQuery,
          response: answers({ 204: NoContent }),
        },
        handler: async (request, reply) => {
          const subjects = [{ kind: "video", id: request.params.id }];
          const { reason: note = "" } = request.query;
          await moderation.act({ act: held ? "keep" : "release", subjects, note }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
    for (const [url, list, summary] of [
      ["/feed/following", "getFollowingFeed", "The newest videos of the people one follows"],
      ["/feed", "getPublicFeed", "Everybody's videos, newest first"],
    ] as const) {
      app.get(
        url,
        {
          schema: {
            summary,
            tags: ["videos"],
            querystring: PageQuery,
            response: answers({ 200: pageOf("Video") }),
          },
        },
        async (request, reply) => {
          const { cursor, limit } = request.query;
          const before = parseCursor(cursor);
          const urls = urlsFor(request);
          const key = `${url} ${before?.publishedAtMs}-${before?.videoId} ${limit} ${urls.origin} ${colourIn(request)}`;
          const make = async (call: PublicCall) => {
            const { videoIds, next } = await feed[list]({ ...(before && { before }), limit }, call);
            const views = await composer.feedVideoViews(videoIds, call);
            return { text: reply.serializeInput(toFeedPage(views, next, urls), "200") as string, views };
          };
          requireServices(request);
          const page = await pages.get(key, request.identity, () => callOf(request), make);
          return reply.type("application/json; charset=utf-8").send(page as never);
        },
      );
    }
  };
}

interface Spelled {
  visibility?: keyof typeof visibilityOf;
  publishAt?: string | null;
}
/** With the visibility and the time as the contract has them. */
function inNumbers<Body extends Spelled>({ visibility, publishAt, ...body }: Body) {
  return {
    ...body,
    ...(visibility && { visibility: visibilityOf[visibility] }),
    ...(publishAt !== undefined && { publishAtMs: publishAt === null ? 0 : timeOf(publishAt) }),
  };
}

function timeOf(text: string): number {
  const ms = Date.parse(text);
  // 0 stands for none.
  if (!(ms > 0)) throw refusal("PUBLISH_AT_INVALID");
  return ms;
}

function parseCursor(cursor: string | undefined) {
  if (!cursor) return undefined;
  const [, time = "", videoId = ""] = /^(\d{1,15})-(\d+)$/.exec(cursor) ?? [];
  if (!isId(videoId)) throw refusal("CURSOR_INVALID");
  return { publishedAtMs: Number(time), videoId };
}
