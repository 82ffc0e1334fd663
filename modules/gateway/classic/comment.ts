import type { FastifyInstance, FastifyRequest } from "fastify";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import { type Comment, CommentOrder } from "#contracts/gen/interaction_pb.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { endpoint, ok } from "./endpoint.ts";
import { oneOf, requiredId, text } from "./parameters.ts";
import { commentSchema, type MonthAndDay, toClassicComment } from "./present.ts";

/** The most comments in the list, which has no pages. */
const maxListed = 500;

export function commentEndpoints(app: FastifyInstance, context: GatewayContext, dateOf: MonthAndDay): void {
  const { interaction, composer, urlsFor } = context;

  async function present(comments: Comment[], request: FastifyRequest) {
    const people = await composer.unblockedPeople(
      comments.map((comment) => comment.authorId),
      callOf(request),
    );
    const byId = new Map(people.map((person) => [person.user.id, person]));
    const urls = urlsFor(request);
    return comments.flatMap((comment) => {
      const author = byId.get(comment.authorId);
      return author ? [toClassicComment(comment, author, urls, dateOf)] : [];
    });
  }

  endpoint(app, context, {
    method: "POST",
    path: "/comment/action",
    answer: { comment: commentSchema },
    async handle(parameters, request) {
      const videoId = requiredId(parameters, "video_id");
      const action = oneOf(parameters, "action_type", { "1": "publish", "2": "delete" });
      if (action === "delete") {
        const commentId = requiredId(parameters, "comment_id");
        await interaction.deleteComment({ videoId, commentId }, callOf(request));
        return ok;
      }
      const draft = { videoId, text: text(parameters, "comment_text") };
      const [comment] = await present([await interaction.addComment(draft, callOf(request))], request);
      if (!comment) throw accountDeleted();
      return { ...ok, comment };
    },
  });
  endpoint(app, context, {
    method: "GET",
    path: "/comment/list",
    answer: { comment_list: { type: "array", items: commentSchema } },
    async handle(parameters, request) {
      const videoId = requiredId(parameters, "video_id");
      // These clients know one level, and expect as many comments as comment_count says.
      const asked = { videoId, order: CommentOrder.FLAT, limit: maxListed };
      const { comments } = await interaction.listComments(asked, callOf(request));
      return { ...ok, comment_list: await present(comments, request) };
    },
  });
}
