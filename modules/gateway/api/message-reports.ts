import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { MessageReportReason } from "#contracts/gen/message_pb.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toMessagePicture } from "./message-parts.ts";
import { peopleById } from "./people-by-id.ts";
import { toTime } from "./present.ts";
import { answers, Id, NoContent, PageQuery, pageOf, ReportBody, WhyQuery } from "./schemas.ts";

const reasons = {
  spam: MessageReportReason.SPAM,
  abuse: MessageReportReason.ABUSE,
  other: MessageReportReason.OTHER,
};
const reasonNames = {
  [MessageReportReason.SPAM]: "spam",
  [MessageReportReason.ABUSE]: "abuse",
  [MessageReportReason.OTHER]: "other",
  // Of a later server.
  [MessageReportReason.UNSPECIFIED]: "other",
} as const;

/** Reporting messages to moderators, who see nothing else of a conversation. */
export function messageReportRoutes({
  message,
  composer,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      "/conversations/:userId/messages/:messageId/report",
      {
        schema: {
          summary: "Report a message of somebody else to the moderators; the first report of a person stands",
          description:
            "Moderators see it with up to 5 messages before and after it, as the caller sees them now, until one of them has judged it, for 90 days at most.",
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
        const { userId: peerId, messageId } = request.params;
        const { reason, text = "" } = request.body;
        await message.reportMessage({ peerId, messageId, reason: reasons[reason], text }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/moderation/messages",
      {
        schema: {
          summary: "For moderators: reported messages, each report once, the earliest first",
          tags: ["moderation"],
          querystring: PageQuery,
          response: answers({ 200: pageOf("MessageReport") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { reports, next } = await message.listReportedMessages({ cursor, limit }, call);
        const ids = reports.flatMap((one) => [one.reporterId, ...one.lines.map((line) => line.senderId)]);
        const urls = urlsFor(request);
        const people = await peopleById(composer, [...new Set(ids)], urls, call);
        return {
          items: reports.map((one) => ({
            ...{ id: one.id, reason: reasonNames[one.reason], text: one.text, inGroup: one.inGroup },
            reporter: people.get(one.reporterId) ?? null,
            reportedAt: toTime(one.reportedAtMs),
            messages: one.lines.map(
              ({ senderId, content, sentAtMs, reported, picture, shown, videoId, profileId }) => ({
                ...{ sender: people.get(senderId) ?? null, text: content, sentAt: toTime(sentAtMs) },
                reported,
                ...(picture && { picture }),
                ...(shown && { shown: toMessagePicture(one.id, shown, urls) }),
                ...(videoId && { videoId }),
                ...(profileId && { profileId }),
              }),
            ),
          })),
          nextCursor: next || null,
        };
      },
    );
    app.delete(
      "/moderation/messages/:id",
      {
        schema: {
          summary: "For moderators: a report has been judged; what was kept for it is removed",
          tags: ["moderation"],
          params: Type.Object({ id: Id }),
          querystring: WhyQuery,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { reason = "" } = request.query;
        await message.judgeMessageReport({ id: request.params.id, reason }, callOf(request));
        return reply.code(204).send(null);
      },
    );
  };
}
