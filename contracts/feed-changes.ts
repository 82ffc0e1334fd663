import {
  accountClosing,
  accountErased,
  accountReopened,
  bookmarked,
  commentDeleted,
  commented,
  commentModerated,
  commentsClosed,
  downloaded,
  inboxesChanged,
  profileChanged,
  reacted,
  reactionsRemoved,
  relationBlocked,
  relationFollowed,
  relationUnblocked,
  relationUnfollowed,
  reposted,
  shared,
  unreposted,
  videoDeleted,
  videoHeldChanged,
  videoImproved,
  videoPublished,
  videoRetitled,
  videoVisibilityChanged,
} from "./events.ts";
import { Visibility } from "./gen/video_pb.ts";

/**
 * All events that may change a page of a feed, or who may load a blob. Pages are cached until one of these concerns them (docs/adr/0011), so
 * everything that a feed shows must have an event here.
 */
export const feedEvents = [
  ...[accountClosing, accountErased, accountReopened, profileChanged],
  ...[relationFollowed, relationUnfollowed, relationBlocked, relationUnblocked],
  ...[videoPublished, videoImproved, videoRetitled, videoHeldChanged, videoVisibilityChanged, videoDeleted],
  inboxesChanged,
  ...[reacted, reactionsRemoved, commented, commentDeleted, commentModerated, commentsClosed],
  ...[bookmarked, shared],
  ...[reposted, unreposted, downloaded],
] as const;

type EventOf<Type> = Type extends { name: infer Name; key(message: infer Message): string }
  ? { type: Name; message: Message }
  : never;

/** Stands for the lists of all feeds: any of them may have other videos than before. */
export const everyFeed = "feeds";

/** Whether a published video was in lists for others than its author, or is now. */
export function changesLists(event: EventOf<typeof videoVisibilityChanged | typeof videoDeleted>): boolean {
  if (event.type === videoVisibilityChanged.name)
    return isListed(event.message.was) || isListed(event.message.now);
  const { publishedAtMs, was } = event.message;
  // An unpublished video was in no feed.
  return publishedAtMs > 0 && (isListed(was) || was === Visibility.UNSPECIFIED);
}

const isListed = (visibility: Visibility) =>
  visibility === Visibility.PUBLIC || visibility === Visibility.FRIENDS;

/**
 * The ids of the videos and people (also as readers) about whom an event changes what feeds show, the keys of the blobs
 * that other people than before may load, and `everyFeed`;
 * undefined: of all that is shown.
 */
export function concernedBy(event: EventOf<(typeof feedEvents)[number]>): string[] | undefined {
  switch (event.type) {
    case profileChanged.name:
      return [event.message.userId];
    case relationFollowed.name:
    case relationUnfollowed.name:
      return [event.message.followerId, event.message.followeeId];
    case relationBlocked.name:
    case relationUnblocked.name:
      return [event.message.blockerId, event.message.blockedId];
    case reacted.name:
      return [event.message.videoId, event.message.userId, event.message.authorId];
    case bookmarked.name:
    case reposted.name:
    case unreposted.name:
      return [event.message.videoId, event.message.userId];
    case videoRetitled.name:
      return [event.message.videoId, ...event.message.blobKeys];
    case videoHeldChanged.name:
    case videoImproved.name:
    case commented.name:
    case commentDeleted.name:
    case commentModerated.name:
    case commentsClosed.name:
    case shared.name:
    case downloaded.name:
      return [event.message.videoId];
    case videoPublished.name:
      return [event.message.videoId, event.message.authorId, everyFeed];
    case videoVisibilityChanged.name:
    case videoDeleted.name: {
      const { videoId, authorId, publishedAtMs, blobKeys } = event.message;
      if (publishedAtMs === 0) return [];
      return [videoId, authorId, ...blobKeys, ...(changesLists(event) ? [everyFeed] : [])];
    }
    case inboxesChanged.name:
      return event.message.userIds.length > 0 ? event.message.userIds : [everyFeed];
    default:
      return undefined;
  }
}
