import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { type Export, ExportState } from "#contracts/gen/user_pb.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { answers, nullable, nullableText, Time } from "./schemas.ts";

const ApiExport = Type.Object({
  state: Type.Enum(["none", "waiting", "ready", "failed"]),
  askedAt: nullableText(Time),
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  url: nullableText(
    Type.String({ description: "Of the ZIP, for an hour or so: ask again for another one." }),
  ),
  sizeBytes: nullable(Type.Integer()),
  until: nullableText(Time),
});

const names = {
  [ExportState.UNSPECIFIED]: "none",
  [ExportState.WAITING]: "waiting",
  [ExportState.READY]: "ready",
  [ExportState.FAILED]: "failed",
} as const;

/** One's own data, as one file. */
export function exportRoutes({ user, exports, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  const toApi = (made: Export, request: FastifyRequest) => {
    const isReady = made.state === ExportState.READY;
    return {
      state: names[made.state] ?? "none",
      askedAt: made.askedAtMs > 0 ? new Date(made.askedAtMs).toISOString() : null,
      progress: isReady ? 1 : made.total > 0 ? Math.min(1, made.done / made.total) : 0,
      url: isReady ? urlsFor(request).ofExport(request.identity!.userId, made.key) : null,
      sizeBytes: isReady ? made.sizeBytes : null,
      until: isReady ? new Date(made.untilMs).toISOString() : null,
    };
  };
  return async (app) => {
    const description =
      "`docs/adr/0058-ones-own-data.md` describes what is in it. It is kept for seven days, and goes with the account.";
    app.post(
      "/me/export",
      {
        schema: {
          summary: "Begins to put all of one's own data together",
          description: `${description} One is made at a time, and one a day.`,
          tags: ["account"],
          response: answers({ 202: ApiExport }),
        },
      },
      async (request, reply) => {
        const made = await user.askForExport({}, callOf(request));
        exports.wake();
        return reply.code(202).send(toApi(made, request));
      },
    );
    app.get(
      "/me/export",
      {
        schema: {
          summary: "How far that is, and where the file is",
          description,
          tags: ["account"],
          response: answers({ 200: ApiExport }),
        },
      },
      async (request) => toApi(await user.getExport({}, callOf(request)), request),
    );
  };
}
