import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { InboxesChangedSchema } from "./gen/feed_events_pb.ts";
import {
  BookmarkedSchema,
  CommentDeletedSchema,
  CommentedSchema,
  CommentModeratedSchema,
  CommentsClosedSchema,
  DownloadedSchema,
  ReactedSchema,
  ReactionsRemovedSchema,
  RepostedSchema,
  SharedSchema,
  UnrepostedSchema,
} from "./gen/interaction_events_pb.ts";
import { GroupInvitedSchema, MessageSentSchema, TimelinesGrownSchema } from "./gen/message_events_pb.ts";
import { ModerationActedSchema } from "./gen/moderation_events_pb.ts";
import {
  BlockedSchema,
  FollowedSchema,
  UnblockedSchema,
  UnfollowedSchema,
} from "./gen/relation_events_pb.ts";
import {
  AccountClosingSchema,
  AccountErasedSchema,
  AccountReopenedSchema,
  ProfileChangedSchema,
  SessionsEndedSchema,
} from "./gen/user_events_pb.ts";
import {
  AccountRefusedSchema,
  AccountRemovedSchema,
  VideoDeletedSchema,
  VideoFailedSchema,
  VideoHeldChangedSchema,
  VideoImprovedSchema,
  VideoPublishedSchema,
  VideoRetitledSchema,
  VideoVisibilityChangedSchema,
} from "./gen/video_events_pb.ts";

/**
 * All events: name and version, message, and the key that keeps their order. Written events stay readable: fields may
 * be added but never change; another meaning is another version.
 */
export const relationFollowed = event("relation.followed.v1", FollowedSchema, pairKey);
export const relationUnfollowed = event("relation.unfollowed.v1", UnfollowedSchema, pairKey);
export const relationBlocked = event("relation.blocked.v1", BlockedSchema, blockKey);
export const relationUnblocked = event("relation.unblocked.v1", UnblockedSchema, blockKey);
export const videoPublished = event("video.published.v1", VideoPublishedSchema, (video) => video.videoId);
export const videoRetitled = event("video.retitled.v1", VideoRetitledSchema, (video) => video.videoId);
export const videoImproved = event("video.improved.v1", VideoImprovedSchema, (video) => video.videoId);
export const videoHeldChanged = event(
  "video.held_changed.v1",
  VideoHeldChangedSchema,
  (video) => video.videoId,
);
export const videoVisibilityChanged = event(
  "video.visibility_changed.v1",
  VideoVisibilityChangedSchema,
  (video) => video.videoId,
);
export const videoDeleted = event("video.deleted.v1", VideoDeletedSchema, (video) => video.videoId);
export const videoFailed = event("video.failed.v1", VideoFailedSchema, (video) => video.videoId);
export const accountRefused = event(
  "video.account_refused.v1",
  AccountRefusedSchema,
  (account) => account.userId,
);
export const accountRemoved = event(
  "video.account_removed.v1",
  AccountRemovedSchema,
  (account) => account.userId,
);
export const accountClosing = event(
  "user.account_closing.v1",
  AccountClosingSchema,
  (account) => account.userId,
);
export const accountReopened = event(
  "user.account_reopened.v1",
  AccountReopenedSchema,
  (account) => account.userId,
);
export const accountErased = event(
  "user.account_erased.v1",
  AccountErasedSchema,
  (account) => account.userId,
);
export const profileChanged = event(
  "user.profile_changed.v1",
  ProfileChangedSchema,
  (profile) => profile.userId,
);
export const sessionsEnded = event(
  "user.sessions_ended.v1",
  SessionsEndedSchema,
  (sessions) => sessions.userId,
);
export const reacted = event("interaction.reacted.v1", ReactedSchema, byPersonOnVideo);
export const bookmarked = event("interaction.bookmarked.v1", BookmarkedSchema, byPersonOnVideo);
export const reposted = event("interaction.reposted.v1", RepostedSchema, byPersonOnVideo);
export const unreposted = event("interaction.unreposted.v1", UnrepostedSchema, byPersonOnVideo);
export const shared = event("interaction.shared.v1", SharedSchema, byPersonOnVideo);
export const downloaded = event("interaction.downloaded.v1", DownloadedSchema, byPersonOnVideo);
export const commented = event("interaction.commented.v1", CommentedSchema, (comment) => comment.videoId);
export const commentDeleted = event(
  "interaction.comment_deleted.v1",
  CommentDeletedSchema,
  (comment) => comment.videoId,
);
export const commentModerated = event(
  "interaction.comment_moderated.v1",
  CommentModeratedSchema,
  (comment) => comment.videoId,
);
export const commentsClosed = event(
  "interaction.comments_closed.v1",
  CommentsClosedSchema,
  (comments) => comments.videoId,
);
export const reactionsRemoved = event(
  "interaction.reactions_removed.v1",
  ReactionsRemovedSchema,
  (removed) => removed.videoId,
);
// Unordered; spread over partitions by the first id.
export const inboxesChanged = event(
  "feed.inboxes_changed.v1",
  InboxesChangedSchema,
  (changed) => changed.userIds[0] ?? "",
);
export const messageSent = event("message.sent.v1", MessageSentSchema, conversationKey);
export const timelinesGrown = event(
  "message.timelines_grown.v1",
  TimelinesGrownSchema,
  ({ groupId, userIds }) => groupId || (userIds[0] ?? ""),
);
export const groupInvited = event("message.group_invited.v1", GroupInvitedSchema, ({ groupId }) => groupId);
export const moderationActed = event(
  "moderation.acted.v1",
  ModerationActedSchema,
  ({ subjectKind, subjectId }) => `${subjectKind} ${subjectId}`,
);

function conversationKey({ senderId, receiverId }: { senderId: string; receiverId: string }): string {
  return BigInt(senderId) < BigInt(receiverId) ? `${senderId} ${receiverId}` : `${receiverId} ${senderId}`;
}

function byPersonOnVideo({ videoId, userId }: { videoId: string; userId: string }): string {
  return `${videoId} ${userId}`;
}

function pairKey(pair: { followerId: string; followeeId: string }): string {
  return `${pair.followerId} ${pair.followeeId}`;
}

function blockKey(pair: { blockerId: string; blockedId: string }): string {
  return `${pair.blockerId} ${pair.blockedId}`;
}

function event<Name extends string, Schema extends DescMessage>(
  name: Name,
  schema: Schema,
  key: (message: MessageShape<Schema>) => string,
) {
  return { name, schema, key };
}
