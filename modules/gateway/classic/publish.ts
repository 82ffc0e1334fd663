import "@fastify/multipart";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";
import { VideoState } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Staged } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { addressKey } from "#platform/http/client-address.ts";
import { oneLineEnd } from "#platform/text/text-rules.ts";
import { callOf, identify, requireServices } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { answerSchema, endpoint, ok } from "./endpoint.ts";
import { mergeParameters, type Parameters, requiredId, text } from "./parameters.ts";
import { toClassicVideos, videoSchema } from "./present.ts";

/** How long the answer waits for the first rendition, so that a list right after it contains the video. */
const renditionWaitMs = 10_000;
const renditionPollMs = 100;
/** The most videos in the list, which has no pages. */
const maxListed = 100;

/** The parts of a form. Its parser throws plain errors, which are the sender's fault too. */
async function* partsOf(request: FastifyRequest) {
  try {
    yield* request.parts();
  } catch (error) {
    if (error instanceof DomainError || (error as FastifyError).statusCode !== undefined) throw error;
    throw refusal("INVALID_ARGUMENT", "The form is broken. Send it again as multipart/form-data.");
  }
}

export function publishEndpoints(app: FastifyInstance, context: GatewayContext): void {
  const { blobs, composer, intake, urlsFor, video } = context;

  /**
   * The form's fields and its file. The file may come before the fields, so it is staged first; then the sender is
   * identified.
   */
  async function readForm(
    request: FastifyRequest,
  ): Promise<{ parameters: Parameters; staged: Staged | undefined }> {
    const parameters = mergeParameters(request.query);
    if (!request.isMultipart()) {
      throw refusal("INVALID_ARGUMENT", "data is missing. Send the form as multipart/form-data.");
    }
    let staged: Staged | undefined;
    try {
      for await (const part of partsOf(request)) {
        if (part.type === "field") parameters.add(part.fieldname, part.value);
        else if (part.fieldname === "data" && !staged) {
          // The token often comes after the file; without it only a small file is taken.
          const token = parameters.get("token");
          if (token) await identify(context, request, token);
          const length = request.headers["content-length"];
          const from = {
            person: request.identity?.userId,
            address: addressKey(request.ip),
            sizeBytes: undefined,
            ...(length !== undefined && { expectedBytes: Number(length) }),
          };
          // It may break off while we ask.
          part.file.on("error", () => {});
          if (from.person) await intake.refuseOverQuota(from, callOf(request));
          staged = await intake.receiveVideo(part.file, from);
          if (part.file.truncated) throw refusal("BODY_TOO_LARGE", "The file is too large.");
        } else part.file.resume();
      }
      await identify(context, request, parameters.get("token"));
      await context.limits.take(request);
      return { parameters, staged };
    } catch (error) {
      if (staged) await blobs.discard(staged.name);
      throw error;
    }
  }

  /**
   * Waits for the end of the pipeline, within a limit. An error of this check does not mean that publishing failed.
   * Error: the video's.
   */
  async function settle(id: string, request: FastifyRequest): Promise<void> {
    const untilMs = Date.now() + renditionWaitMs;
    while (Date.now() < untilMs) {
      const found = await video.getVideos({ ids: [id] }, callOf(request)).catch(() => undefined);
      if (!found) return;
      const [made] = found.videos;
      if (made?.failureReason) throw new DomainError("invalid", made.failureReason, made.failureMessage);
      if (made?.state !== VideoState.UPLOADED && made?.state !== VideoState.PROCESSING) return;
      await delay(renditionPollMs);
    }
  }

  const options = { schema: { hide: true, ...answerSchema({}) }, config: { takesFile: true } };
  app.post("/publish/action", options, async (request) => {
    requireServices(request);
    const { parameters, staged } = await readForm(request);
    try {
      // Apps send the text as typed; a title is one line.
      const title = oneLineEnd(text(parameters, "title")).replaceAll("\n", " ");
      if (!staged) throw refusal("INVALID_ARGUMENT", "data is missing.");
      const upload = await intake.addUpload(staged, addressKey(request.ip), callOf(request));
      const published = await video.publish({ uploadId: upload.id, title }, callOf(request));
      await settle(published.id, request);
      return ok;
    } finally {
      if (staged) await blobs.discard(staged.name);
    }
  });

  endpoint(app, context, {
    method: "GET",
    path: "/publish/list",
    answer: { video_list: { type: "array", items: videoSchema } },
    async handle(parameters, request) {
      const authorId = requiredId(parameters, "user_id");
      const call = callOf(request);
      const { videos } = await video.listByAuthor({ authorId, limit: maxListed, everyState: false }, call);
      const urls = urlsFor(request);
      const views = await composer.videoViews(videos, call);
      return { ...ok, video_list: toClassicVideos(views, urls) };
    },
  });
}
