import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import type { DirectUpload } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { senderOf } from "./file-body.ts";
import { toApiUpload } from "./present.ts";
import { answers, IdParams, NoContent } from "./schemas.ts";

/** Uploads whose bytes do not pass through us: the sender puts them into the S3 where blobs are. */
export function directUploadRoutes({ video, intake }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const tags = ["videos"];
    app.post(
      "/uploads/direct",
      {
        schema: {
          tags,
          summary: "Begin an upload straight to the S3 of the server",
          description:
            "PUT each part, of exactly `partBytes` bytes (the last one: of what is left), at its URL, in any order and several " +
            "at once. What is not completed at `expiresAt` is thrown away. Where files are kept on a disk " +
            "(`directUploads` of `GET /me/storage`) it answers 404 `DIRECT_UPLOADS_UNAVAILABLE`.",
          body: Type.Object({
            sizeBytes: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
            contentType: Type.String({
              maxLength: 100,
              pattern: "^[A-Za-z]+/[\\w.+-]+$",
              description:
                "`video/…`, `image/…` or `application/octet-stream`; what the file is decides nevertheless.",
            }),
          }),
          response: answers({ 201: Type.Ref("DirectUpload") }),
        },
      },
      async (request, reply) => {
        const { sizeBytes, contentType } = request.body;
        if (!/^((video|image)\/|application\/octet-stream$)/i.test(contentType))
          throw refusal("NOT_A_VIDEO", { what: "Neither a video nor a picture was announced" });
        const from = { ...senderOf(request), sizeBytes };
        await intake.announceVideo(from);
        const begun = await video.beginDirectUpload({ sizeBytes, address: from.address }, callOf(request));
        return reply.code(201).send(toDirectUpload(begun));
      },
    );
    app.get(
      "/uploads/direct/:id",
      {
        schema: {
          tags,
          summary: "Ask how far an upload straight to S3 is, to go on with it",
          description:
            "With new URLs for its parts. It has no parts any more when all have come and it was completed.",
          params: IdParams,
          response: answers({ 200: Type.Ref("DirectUpload") }),
        },
      },
      async (request) => {
        const { id } = request.params;
        return toDirectUpload(await video.getDirectUpload({ id }, callOf(request)));
      },
    );
    app.post(
      "/uploads/direct/:id/complete",
      {
        schema: {
          tags,
          summary: "Complete an upload straight to S3: it is checked as any other",
          description:
            "Asked again it answers the same. After 422 `UPLOAD_PARTS_WRONG` parts can be put again; a file that is refused " +
            "for another reason is gone. It goes on when the answer takes too long (504): ask again, while it is checked the answer is " +
            "423 `UPLOAD_LOCKED`.",
          params: IdParams,
          body: Type.Object({
            etags: Type.Optional(
              Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
                minItems: 1,
                maxItems: 1000,
                description:
                  "With which S3 answered the parts, in their order; without them it is what has come.",
              }),
            ),
          }),
          response: answers({ 200: Type.Ref("Upload") }),
        },
      },
      async (request) => {
        const { id } = request.params;
        const completed = await video.completeDirectUpload({ id, ...request.body }, callOf(request));
        return toApiUpload(completed);
      },
    );
    app.delete(
      "/uploads/direct/:id",
      {
        schema: {
          tags,
          summary: "Throw away an upload straight to S3, completed or not",
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await video.cancelUpload({ id: request.params.id }, callOf(request));
        return reply.code(204).send(null);
      },
    );
  };
}

function toDirectUpload({ id, partBytes, urls, sent, expiresAtMs }: DirectUpload) {
  const came = new Set(sent);
  return {
    id,
    partBytes,
    parts: urls.map((url, at) => ({ number: at + 1, url, sent: came.has(at + 1) })),
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
}
