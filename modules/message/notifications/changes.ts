import type {
  commentDeleted,
  commented,
  groupInvited,
  moderationActed,
  reacted,
  relationBlocked,
  relationFollowed,
  relationUnblocked,
  relationUnfollowed,
  videoDeleted,
  videoFailed,
  videoHeldChanged,
  videoPublished,
  videoVisibilityChanged,
} from "#contracts/events.ts";
import { notificationKinds as kinds, type NotificationKindName } from "#contracts/notification-kinds.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";

/** Something that somebody did and that concerns a person; facts of one kind about one subject are one notification. */
export interface Fact {
  /** Who is told. */
  userId: string;
  kind: number;
  subjectId: string;
  /** Its own name within these. */
  factId: string;
  actorId: string;
  /** "0" where it is about none. */
  videoId: string;
  /** The comment under which it stands, or which it is. "0": none. */
  threadId: string;
  atMs: number;
}

/** What an event means for the lists of people. */
export type Change =
  | { what: "add"; fact: Fact }
  | { what: "remove"; fact: Fact }
  | { what: "video-gone"; videoId: string; authorId: string }
  /** Of a comment with all its replies, or of a reply alone. */
  | { what: "comment-gone"; threadId: string; replyId?: string }
  | { what: "block"; userId: string; actorId: string }
  | { what: "unblock"; userId: string; actorId: string };

export type NotifyingEvent = EventOf<
  | typeof reacted
  | typeof commented
  | typeof commentDeleted
  | typeof relationFollowed
  | typeof relationUnfollowed
  | typeof relationBlocked
  | typeof relationUnblocked
  | typeof videoPublished
  | typeof videoVisibilityChanged
  | typeof videoFailed
  | typeof videoHeldChanged
  | typeof videoDeleted
  | typeof groupInvited
  | typeof moderationActed
>;

const dayMs = 24 * 3_600_000;
const like = 1;

/** Who of those that a comment answers, or a text names, may be told. */
export interface Audience {
  answered: boolean;
  mentioned: readonly string[];
}
const nobody: Audience = { answered: false, mentioned: [] };

/** The actor of what moderators do. */
export const nobodyId = "0";
/** What moderators do that changes nothing for the owner. */
const untold: readonly string[] = ["dismiss", "keep", "release"];

/** The changes that follow from one event. */
export function changesOf(event: NotifyingEvent, audience: Audience = nobody): Change[] {
  return meaningOf(event, audience).filter((change) => !("fact" in change) || isNews(change.fact));
}

/** What becomes of a video; its actor is its author. */
const ownKinds: readonly number[] = [kinds.published, kinds.failed, kinds.held];

/** Of one's own acts only what came of them is news. */
function isNews({ kind, userId, actorId }: Fact): boolean {
  return userId !== actorId || ownKinds.includes(kind);
}

function meaningOf(event: NotifyingEvent, { answered, mentioned }: Audience): Change[] {
  switch (event.type) {
    case "interaction.reacted.v1": {
      const { videoId, userId, authorId, was, now, atMs } = event.message;
      if ((was === like) === (now === like)) return [];
      const fact = about("like", authorId, videoId, { factId: userId, actorId: userId, videoId, atMs });
      return [{ what: now === like ? "add" : "remove", fact }];
    }
    case "interaction.commented.v1":
      return commentFacts(event.message, answered, mentioned).map((fact) => ({ what: "add", fact }));
    case "interaction.comment_deleted.v1": {
      const { commentId, rootId, repliesOnly } = event.message;
      // The comment itself follows, and takes with it what is told of its replies.
      if (repliesOnly) return [];
      return [{ what: "comment-gone", threadId: rootId || commentId, ...(rootId && { replyId: commentId }) }];
    }
    case "relation.followed.v1": {
      const { followerId, followeeId, atMs } = event.message;
      return [{ what: "add", fact: follow(followerId, followeeId, atMs) }];
    }
    case "relation.unfollowed.v1": {
      const { followerId, followeeId, followId } = event.message;
      return [{ what: "remove", fact: follow(followerId, followeeId, timeOfId(followId)) }];
    }
    case "relation.blocked.v1":
    case "relation.unblocked.v1": {
      const { blockerId: userId, blockedId: actorId } = event.message;
      return [{ what: event.type === "relation.blocked.v1" ? "block" : "unblock", userId, actorId }];
    }
    case "video.published.v1":
      return publication(event.message, mentioned, true);
    case "video.visibility_changed.v1":
      // Unspecified: it was not published before.
      return publication(event.message, mentioned, event.message.was === 0);
    case "video.failed.v1": {
      const { videoId, authorId, atMs } = event.message;
      const own = { factId: videoId, actorId: authorId, videoId, atMs };
      return [{ what: "add", fact: about("failed", authorId, videoId, own) }];
    }
    case "message.group_invited.v1": {
      const { groupId, inviterId, userIds, atMs } = event.message;
      const more = { factId: inviterId, actorId: inviterId, videoId: "0", atMs };
      return userIds.map((userId) => ({ what: "add", fact: about("invitation", userId, groupId, more) }));
    }
    case "moderation.acted.v1": {
      const { actId, subjectKind, subjectId, ownerId, act, atMs } = event.message;
      if (!ownerId || untold.includes(act)) return [];
      const videoId = subjectKind === "video" ? subjectId : "0";
      const more = { factId: actId, actorId: nobodyId, videoId, atMs };
      return [{ what: "add", fact: about("moderation", ownerId, actId, more) }];
    }
    case "video.held_changed.v1": {
      const { videoId, authorId, held, atMs } = event.message;
      if (!authorId) return [];
      const fact = about("held", authorId, videoId, { factId: videoId, actorId: authorId, videoId, atMs });
      return [{ what: held ? "add" : "remove", fact }];
    }
    case "video.deleted.v1": {
      const { videoId, authorId } = event.message;
      return [{ what: "video-gone", videoId, authorId }];
    }
  }
}

function about(
  kind: NotificationKindName,
  userId: string,
  subjectId: string,
  more: Omit<Fact, "userId" | "kind" | "subjectId" | "threadId"> & { threadId?: string },
): Fact {
  return { userId, kind: kinds[kind], subjectId, threadId: "0", ...more };
}

/** Those of one day are told together. */
function follow(followerId: string, followeeId: string, atMs: number): Fact {
  const day = String(Math.floor(atMs / dayMs));
  return about("follow", followeeId, day, { factId: followerId, actorId: followerId, videoId: "0", atMs });
}

interface Commented {
  videoId: string;
  commentId: string;
  authorId: string;
  videoAuthorId: string;
  rootId: string;
  answeredUserId: string;
  atMs: number;
}

/** A comment is told to each person once, as what concerns them most. */
function commentFacts(comment: Commented, answered: boolean, mentioned: readonly string[]): Fact[] {
  const { videoId, commentId, authorId: actorId, videoAuthorId, rootId, answeredUserId, atMs } = comment;
  const more = { factId: commentId, actorId, videoId, threadId: rootId || commentId, atMs };
  const facts = [
    ...(answered ? [about("reply", answeredUserId, rootId, more)] : []),
    ...mentioned.map((userId) => about("mention", userId, commentId, more)),
    about("comment", videoAuthorId, videoId, more),
  ];
  const told = new Set<string>();
  return facts.filter(({ userId }) => !told.has(userId) && told.add(userId));
}

interface Published {
  videoId: string;
  authorId: string;
  publishedAtMs: number;
}

function publication(
  { videoId, authorId, publishedAtMs: atMs }: Published,
  mentioned: readonly string[],
  isNew: boolean,
): Change[] {
  const more = { factId: videoId, actorId: authorId, videoId, atMs };
  const facts = [
    ...(isNew ? [about("published", authorId, videoId, more)] : []),
    ...mentioned.map((userId) => about("mention", userId, videoId, more)),
  ];
  return facts.map((fact) => ({ what: "add", fact }));
}
