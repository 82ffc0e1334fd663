import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import { type Comment, CommentOrder } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiComment } from "./present.ts";
import { answers, Id, IdParams, NoContent, PageQuery, pageOf, WhyQuery } from "./schemas.ts";

const CommentParams = Type.Object({ id: Id, commentId: Id });
const Text = Type.String({
  maxLength: 4000,
  description: "1 to 500 characters, with at most 20 line breaks.",
});
const IdempotencyKey = Type.Optional(
  Type.String({
    maxLength: 64,
    description:
      "One's own name for this request: sent again with the same key, it adds nothing and gives the same.",
  }),
);

/** Comments in two levels, under the video that they belong to. */
export function commentRoutes({ interaction, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  async function present(comments: Comment[], request: FastifyRequest) {
    const ids = comments.flatMap((comment) => [comment.authorId, comment.replyToUserId]).filter(Boolean);
    const people = await composer.unblockedPeople(ids, callOf(request));
    const byId = new Map(people.map((person) => [person.user.id, person]));
    const urls = urlsFor(request);
    return comments.flatMap((comment) => toApiComment(comment, byId, urls) ?? []);
  }

  return async (app) => {
    app.get(
      "/videos/:id/comments",
      {
        schema: {
          summary: "A video's comments, without their replies",
          description:
            "`sort=heat` puts those with the most replies first, the newest of them first, as it was when the first " +
            "page was asked for. `pinned` comes with the first page and stands at its own place in the list as well.",
          tags: ["comments"],
          params: IdParams,
          querystring: Type.Object({
            ...PageQuery.properties,
            sort: Type.Union([Type.Literal("time"), Type.Literal("heat")], { default: "time" }),
          }),
          response: answers({
            200: Type.Object({
              ...pageOf("Comment").properties,
              pinned: Type.Union([Type.Ref("Comment"), Type.Null()]),
              closed: Type.Boolean({ description: "Whether the video's author allows no more comments." }),
              upTo: Type.Integer({
                description:
                  "The last `sequence` that it knows of: what comes live and is not beyond it, is in the list.",
              }),
            }),
          }),
        },
      },
      async (request) => {
        const { cursor = "", limit, sort } = request.query;
        const order = sort === "heat" ? CommentOrder.HEAT : CommentOrder.TIME;
        const page = await interaction.listComments(
          { videoId: request.params.id, order, cursor, limit },
          callOf(request),
        );
        const [items, [pinned]] = await Promise.all([
          present(page.comments, request),
          present(page.pinned ? [page.pinned] : [], request),
        ]);
        const { closed, upTo } = page;
        return { items, nextCursor: page.next || null, pinned: pinned ?? null, closed, upTo };
      },
    );
    app.get(
      "/videos/:id/comments/:commentId",
      {
        schema: {
          summary: "A comment, or a reply with the comment that it belongs to",
          tags: ["comments"],
          params: CommentParams,
          response: answers({
            200: Type.Object({
              comment: Type.Ref("Comment"),
              reply: Type.Union([Type.Ref("Comment"), Type.Null()]),
            }),
          }),
        },
      },
      async (request) => {
        const { id: videoId, commentId } = request.params;
        const found = await interaction.getComment({ videoId, commentId }, callOf(request));
        const [[comment], [reply]] = await Promise.all([
          present(found.comment ? [found.comment] : [], request),
          present(found.reply ? [found.reply] : [], request),
        ]);
        // Its author may be blocked, or gone.
        if (!comment || (found.reply && !reply)) throw refusal("COMMENT_NOT_FOUND");
        return { comment, reply: reply ?? null };
      },
    );
    app.get(
      "/videos/:id/comments/:commentId/replies",
      {
        schema: {
          summary: "The replies to a comment, the oldest first",
          tags: ["comments"],
          params: CommentParams,
          querystring: PageQuery,
          response: answers({ 200: pageOf("Comment") }),
        },
      },
      async (request) => {
        const { id: videoId, commentId } = request.params;
        const { cursor = "", limit } = request.query;
        const page = await interaction.listReplies({ videoId, commentId, cursor, limit }, callOf(request));
        return { items: await present(page.replies, request), nextCursor: page.next || null };
      },
    );

    async function add(
      draft: { videoId: string; replyToId: string; text: string; idempotencyKey?: string },
      request: FastifyRequest,
    ) {
      const comment = await interaction.addComment(draft, callOf(request));
      const [shown] = await present([comment], request);
      if (!shown) throw accountDeleted();
      return shown;
    }
    app.post(
      "/videos/:id/comments",
      {
        schema: {
          summary: "Comment on a video",
          tags: ["comments"],
          params: IdParams,
          body: Type.Object({ text: Text, idempotencyKey: IdempotencyKey }),
          response: answers({ 201: Type.Ref("Comment") }),
        },
      },
      async (request, reply) =>
        reply
          .code(201)
          .send(await add({ ...request.body, videoId: request.params.id, replyToId: "" }, request)),
    );
    app.post(
      "/videos/:id/comments/:commentId/replies",
      {
        schema: {
          summary: "Reply to a comment, or to a reply",
          tags: ["comments"],
          params: CommentParams,
          body: Type.Object({ text: Text, idempotencyKey: IdempotencyKey }),
          response: answers({ 201: Type.Ref("Comment") }),
        },
      },
      async (request, reply) => {
        const { id: videoId, commentId: replyToId } = request.params;
        return reply.code(201).send(await add({ ...request.body, videoId, replyToId }, request));
      },
    );
    app.delete(
      "/videos/:id/comments/:commentId",
      {
        schema: {
          summary: "Delete a comment with its replies: one's own, or any on one's own video; a moderator any",
          tags: ["comments"],
          params: CommentParams,
          querystring: WhyQuery,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: videoId, commentId } = request.params;
        await interaction.deleteComment({ videoId, commentId, ...request.query }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.put(
      "/videos/:id/pinned-comment",
      {
        schema: {
          summary: "Put a comment above the others on one's own video",
          tags: ["comments"],
          params: IdParams,
          body: Type.Object({ commentId: Id }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { commentId } = request.body;
        await interaction.pinComment({ videoId: request.params.id, commentId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.delete(
      "/videos/:id/pinned-comment",
      {
        schema: {
          summary: "Put no comment above the others",
          tags: ["comments"],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await interaction.pinComment({ videoId: request.params.id }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    for (const [method, closed, summary] of [
      ["PUT", true, "Allow no more comments on one's own video"],
      ["DELETE", false, "Allow comments on one's own video again"],
    ] as const) {
      app.route({
        method,
        url: "/videos/:id/comments-closed",
        schema: { summary, tags: ["comments"], params: IdParams, response: answers({ 204: NoContent }) },
        handler: async (request, reply) => {
          await interaction.closeComments({ videoId: request.params.id, closed }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
  };
}
