import {
  accountClosing,
  accountErased,
  accountReopened,
  commentDeleted,
  commented,
  inboxesChanged,
  profileChanged,
  reacted,
  reactionsRemoved,
  relationBlocked,
  relationFollowed,
  relationUnblocked,
  relationUnfollowed,
  videoDeleted,
  videoPublished,
  videoRetitled,
} from "#contracts/events.ts";
import type { FeedService } from "#contracts/gen/feed_pb.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { Events } from "#platform/events/events.ts";
import type { Handlers } from "#platform/rpc/service.ts";

/** Everything that happens to what feeds show. Whatever else they come to show must be told of by an event as well. */
const shown = [
  ...[accountClosing, accountErased, accountReopened, profileChanged],
  ...[relationFollowed, relationUnfollowed, relationBlocked, relationUnblocked],
  ...[videoPublished, videoRetitled, videoDeleted, inboxesChanged],
  ...[reacted, reactionsRemoved, commented, commentDeleted],
] as const;

export function getChanges(events: Events): Handlers<typeof FeedService>["getChanges"] {
  return async (request) => {
    const { mark, events: recent } = await events.recent(shown, request.mark);
    const touched = recent?.map(idsTouched);
    if (!touched || touched.includes(undefined)) return { mark, everything: true };
    return { mark, ids: [...new Set(touched.flat() as string[])] };
  };
}

/** The videos and people of whom it makes something else; undefined: perhaps of everybody. */
function idsTouched(event: EventOf<(typeof shown)[number]>): string[] | undefined {
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
    case videoRetitled.name:
    case commented.name:
    case commentDeleted.name:
      return [event.message.videoId];
    case videoDeleted.name:
      // What was never published nobody was shown.
      return event.message.publishedAtMs > 0 ? undefined : [];
    case inboxesChanged.name:
      return event.message.userIds.length > 0 ? event.message.userIds : undefined;
    default:
      return undefined;
  }
}
