import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { addressKey } from "#platform/http/client-address.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { tooLarge } from "../media/upload-intake.ts";
import { toApiUpload } from "./present.ts";
import { answers } from "./schemas.ts";

const Digest = Type.String({ pattern: "^[0-9a-f]{64}$", description: "In lower-case hex." });

/** An upload without its bytes, of a file that the server has already. */
export function knownFileRoutes({
  video,
  intake,
  maxUploadBytes,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    const tags = ["videos"];
    app.post(
      "/uploads/known",
      {
        schema: {
          tags,
          summary: "Ask whether the server has a file already",
          description:
            "If it has, prove within five minutes that you have it too: `proof` is the SHA-256, in lower-case hex, of the " +
            "challenge (the text itself, in UTF-8), followed by the bytes of the ranges in their order. A range `[from, to]` " +
            "is the bytes from `from` on up to, but without, `to`, as of `slice(from, to)`. Otherwise it answers 404 " +
            "`UPLOAD_UNKNOWN`, after the same time. Of each person 16 challenges are kept, the newest.",
          body: Type.Object({
            sha256: Digest,
            sizeBytes: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
          }),
          response: answers({
            200: Type.Object({
              challenge: Type.String(),
              ranges: Type.Array(Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 })),
            }),
          }),
        },
      },
      async (request) => {
        if (request.body.sizeBytes > maxUploadBytes) throw tooLarge(maxUploadBytes);
        const { challenge, ranges } = await video.challengeKnownFile(request.body, callOf(request));
        return { challenge, ranges: ranges.map(({ from, to }) => [from, to]) };
      },
    );
    app.post(
      "/uploads/known/proof",
      {
        schema: {
          tags,
          summary: "Prove that one has a file which the server has, and so upload it",
          description:
            "The answer is an upload like any other. Each challenge counts once; after 404 `UPLOAD_UNKNOWN` send the file.",
          body: Type.Object({ challenge: Type.String({ minLength: 1, maxLength: 100 }), proof: Digest }),
          response: answers({ 201: Type.Ref("Upload") }),
        },
      },
      async (request, reply) => {
        const address = addressKey(request.ip);
        await intake.announceVideo({ person: request.identity?.userId, address, sizeBytes: undefined });
        const upload = await video.proveKnownFile({ ...request.body, address }, callOf(request));
        return reply.code(201).send(toApiUpload(upload));
      },
    );
  };
}
