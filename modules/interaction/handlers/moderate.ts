import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireModerator } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { CommentStore } from "../comment-store.ts";
import type { ModerationStore } from "../moderation-store.ts";
import { toComment, toModeratedComment } from "../present.ts";
import { latestOf, maxModerated } from "../rules.ts";

type Service = Handlers<typeof InteractionService>;

/** What the moderation module asks. What moderators decide was checked there. */
export function moderationHandlers(
  store: PerCall<ModerationStore>,
  comments: StoreFor<Pick<CommentStore, "byIds">>,
  video: Client<typeof VideoService, "getVideos">,
): Pick<Service, "moderateComments" | "moderateVideoComments" | "findComments"> {
  return {
    async moderateComments({ standings }, call) {
      checkCount(standings);
      if (!standings.every((one) => isId(one.videoId) && isId(one.commentId) && isId(one.version)))
        throw refusal("INVALID_ARGUMENT", "A standing names a video, a comment and a version.");
      await store(call).moderateComments(latestOf(standings, ({ commentId }) => commentId));
      return {};
    },
    async moderateVideoComments({ standings }, call) {
      checkCount(standings);
      if (!standings.every((one) => isId(one.videoId) && isId(one.authorId) && isId(one.version)))
        throw refusal("INVALID_ARGUMENT", "A standing names a video, its author and a version.");
      await store(call).moderateVideoComments(latestOf(standings, ({ videoId }) => videoId));
      return {};
    },
    async findComments({ commentIds, forModerators }, call) {
      if (forModerators) requireModerator(call);
      checkCount(commentIds);
      const rows = await comments(call).byIds([...new Set(commentIds.filter(isId))]);
      if (forModerators) return { comments: rows.map(toModeratedComment) };
      const ids = [...new Set(rows.map((row) => row.video_id))];
      const { videos } = ids.length > 0 ? await video.getVideos({ ids }, call) : { videos: [] };
      const visible = new Set(videos.map(({ id }) => id));
      return { comments: rows.filter((row) => visible.has(row.video_id)).map(toComment) };
    },
  };
}

function checkCount(all: readonly unknown[]): void {
  if (all.length > maxModerated) throw refusal("INVALID_ARGUMENT", `Ask for ${maxModerated} at most.`);
}
