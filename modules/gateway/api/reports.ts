import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { answers, Id, NoContent, ReportBody } from "./schemas.ts";

/** Reports as they were made before everything could be reported: the same as POST /reports. */
export function reportRoutes({ moderation }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      "/videos/:id/comments/:commentId/report",
      {
        schema: {
          summary: "Report somebody else's comment to the moderators, as POST /reports does",
          tags: ["moderation"],
          params: Type.Object({ id: Id, commentId: Id }),
          body: ReportBody,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { reason, text = "" } = request.body;
        const subject = { kind: "comment", id: request.params.commentId };
        await moderation.report({ subject, reason, text }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.post(
      "/conversations/:userId/messages/:messageId/report",
      {
        schema: {
          summary: "Report a message of somebody else to the moderators, as POST /reports does",
          tags: ["moderation"],
          params: Type.Object({
            userId: Type.String({ ...Id, description: "The other person, or the group." }),
            messageId: Id,
          }),
          body: ReportBody,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { userId: peerId, messageId: id } = request.params;
        const { reason, text = "" } = request.body;
        await moderation.report({ subject: { kind: "message", id }, peerId, reason, text }, callOf(request));
        return reply.code(204).send(null);
      },
    );
  };
}
