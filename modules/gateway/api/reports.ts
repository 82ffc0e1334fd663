import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { ReportReason } from "#contracts/gen/interaction_pb.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiComment, toTime } from "./present.ts";
import { answers, Id, NoContent, PageQuery, pageOf, ReportBody, WhyQuery } from "./schemas.ts";

const CommentParams = Type.Object({ id: Id, commentId: Id });
const reasons = { spam: ReportReason.SPAM, abuse: ReportReason.ABUSE, other: ReportReason.OTHER };

/** Reporting comments to moderators, and their decisions; a comment is deleted like any other. */
export function reportRoutes({ interaction, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      "/videos/:id/comments/:commentId/report",
      {
        schema: {
          summary: "Report somebody else's comment to the moderators; the first report of a person stands",
          tags: ["moderation"],
          params: CommentParams,
          body: ReportBody,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: videoId, commentId } = request.params;
        const { reason, text = "" } = request.body;
        await interaction.reportComment(
          { videoId, commentId, reason: reasons[reason], text },
          callOf(request),
        );
        return reply.code(204).send(null);
      },
    );
    app.delete(
      "/videos/:id/comments/:commentId/reports",
      {
        schema: {
          summary: "For moderators: let a reported comment stand",
          description:
            "It leaves the queue for good: its text never changes, so what was judged once is not judged again.",
          tags: ["moderation"],
          params: CommentParams,
          querystring: WhyQuery,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: videoId, commentId } = request.params;
        await interaction.dismissReports({ videoId, commentId, ...request.query }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/moderation/comments",
      {
        schema: {
          summary: "For moderators: reported comments, each once, the one reported longest ago first",
          tags: ["moderation"],
          querystring: PageQuery,
          response: answers({ 200: pageOf("ReportedComment") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const page = await interaction.listReportedComments({ cursor, limit }, call);
        const said = page.comments.flatMap(({ comment }) => comment ?? []);
        // Blocks do not count here: nobody can hide from a moderator by blocking them.
        const ids = said.flatMap((comment) => [comment.authorId, comment.replyToUserId]).filter(Boolean);
        const people = new Map((await composer.people(ids, call)).map((one) => [one.user.id, one]));
        const urls = urlsFor(request);
        return {
          items: page.comments.flatMap(({ comment, firstReportedAtMs, texts, spam, abuse, other }) => {
            const shown = comment && toApiComment(comment, people, urls);
            if (!shown) return [];
            return [
              {
                comment: shown,
                firstReportedAt: toTime(firstReportedAtMs),
                reports: { spam, abuse, other },
                texts,
              },
            ];
          }),
          nextCursor: page.next || null,
        };
      },
    );
  };
}
