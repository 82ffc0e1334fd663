import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall, Transaction } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import { checkIdempotencyKey } from "#platform/text/idempotency-key.ts";
import type { AuthorBlocks } from "../blocks.ts";
import type { Draft } from "../comment-drafts.ts";
import type { CommentStore } from "../comment-store.ts";
import { toComment } from "../present.ts";
import type { PublishedVideos } from "../published-videos.ts";
import { blockedByAuthor, checkComment, ignoreGone, mayCurate, mayDelete, notYours } from "../rules.ts";
import type { CommentRow, Tables, VideoRow } from "../tables.ts";

type Service = Handlers<typeof InteractionService>;

const refusals = {
  "video-gone": () => refusal("VIDEO_NOT_FOUND"),
  closed: () => refusal("COMMENTS_CLOSED"),
  blocked: () => blockedByAuthor("comments"),
  "not-found": () => refusal("COMMENT_NOT_FOUND"),
} as const;

/** The RPCs that change comments. */
export function commentHandlers(
  store: PerCall<CommentStore>,
  videos: PublishedVideos,
  blocks: AuthorBlocks,
  ids: Ids,
  security: SecurityLog,
): Pick<Service, "addComment" | "deleteComment" | "pinComment" | "closeComments"> {
  const add = createBatcher((drafts: Draft[], batch) => store(batch).add(drafts), {
    conflict: (draft) =>
      draft.idempotencyKey === undefined ? draft.id : `${draft.authorId} ${draft.idempotencyKey}`,
  });
  const requireCurator = (callerId: string) => (video: VideoRow) => {
    if (!mayCurate(callerId, video.author_id))
      throw notYours("Only the author of the video can do this with its comments.");
  };
  return {
    async addComment(request, call) {
      const authorId = requireCaller(call);
      const text = checkComment(request.text);
      const idempotencyKey = checkIdempotencyKey(request.idempotencyKey);
      const blocked = await blocks(await videos.find(request.videoId, call), authorId, call);
      if (request.replyToId && !isId(request.replyToId)) throw refusal("COMMENT_NOT_FOUND");
      const replyToId = request.replyToId || undefined;
      const { videoId } = request;
      const { traceId } = call;
      const draft = { videoId, id: ids.next(), authorId, text, replyToId, idempotencyKey, blocked, traceId };
      const added = await add(draft, call);
      if (added instanceof DomainError) throw added;
      if (typeof added === "string") throw refusals[added]();
      return toComment(added);
    },
    async deleteComment({ videoId, commentId, reason }, call) {
      const actorId = requireCaller(call);
      if (!isId(videoId)) throw refusal("VIDEO_NOT_FOUND");
      // What people have reported, and what one has written, can be removed also where one could not see it.
      const mayBeHidden =
        call.moderator ||
        (isId(commentId) && (await store(call).comment(videoId, commentId))?.author_id === actorId);
      if (!mayBeHidden) await videos.find(videoId, call);
      if (!isId(commentId)) throw refusal("COMMENT_NOT_FOUND");
      let isBegun = false;
      const check = async (comment: CommentRow, video: VideoRow, transaction: Transaction<Tables>) => {
        if (!mayDelete(call, comment.author_id, video.author_id))
          throw notYours("Only the author of a comment or of the video, or a moderator, can delete it.");
        if (isBegun || actorId === comment.author_id || actorId === video.author_id) return;
        const subject = `comment ${commentId} on video ${videoId}`;
        const entry = {
          kind: "comment-deleted",
          userId: comment.author_id,
          actorId,
          subject,
          reason,
        } as const;
        await security.write(entry, transaction);
      };
      const own = store(call);
      const step = () => own.removeStep(videoId, commentId, check);
      // One that ends in between has done a part of the work and can be repeated. Somebody else may do the rest.
      for (let more = await step(); more; more = await step().catch(ignoreGone)) isBegun = true;
      return {};
    },
    async pinComment({ videoId, commentId }, call) {
      const callerId = requireCaller(call);
      await videos.find(videoId, call);
      if (commentId && !isId(commentId)) throw refusal("COMMENT_NOT_FOUND");
      await store(call).pin(videoId, commentId || undefined, requireCurator(callerId));
      return {};
    },
    async closeComments({ videoId, closed }, call) {
      const callerId = requireCaller(call);
      // Also of a draft.
      await videos.ensureRow(videoId, call, { unpublished: true });
      await store(call).close(videoId, closed, requireCurator(callerId));
      return {};
    },
  };
}
