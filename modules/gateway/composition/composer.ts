import { Reaction } from "#contracts/gen/interaction_pb.ts";
import type { User } from "#contracts/gen/user_pb.ts";
import { type Video, Visibility } from "#contracts/gen/video_pb.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { isPublic } from "../media/media-urls.ts";
import { optionalPart } from "./optional-part.ts";
import { createPeople, type Person } from "./people.ts";
import type { Plays } from "./plays.ts";
import type { PublicParts } from "./public-parts.ts";
import { createVideoViews, type VideoView } from "./video-views.ts";

/**
 * Merges the answers of several services, and the requests of concurrent callers. Essential parts are waited for;
 * without the others the page is still shown (a feed without counts is better than no feed).
 */
export interface Composer {
  /** In the order asked; unknown ones are left out. */
  people(ids: string[], call: PublicCall): Promise<Person[]>;
  /** For lists of one person, asked beside them: nobody is shown an account that is being deleted. Error: USER_NOT_FOUND. */
  requirePerson(id: string, call: PublicCall): Promise<void>;
  videoViewsById(ids: string[], call: PublicCall): Promise<VideoView[]>;
  videoViews(videos: Video[], call: PublicCall): Promise<VideoView[]>;
  /**
   * For feeds and comments alike: leaves out people the caller blocks and, unless the caller is a moderator,
   * people who block the caller. Pages get shorter; cursors stay valid.
   */
  unblockedPeople(ids: string[], call: PublicCall): Promise<Person[]>;
  /** For lists of one person's likes: leaves out what only those with the link may find, except for that person. */
  likedVideoViews(ids: string[], ownerId: string, call: PublicCall): Promise<VideoView[]>;
  /** For lists that are the same for everybody: leaves out what is not public, and whose author there is a block with. */
  publicVideoViews(ids: string[], call: PublicCall): Promise<VideoView[]>;
  /** For feeds: leaves out what is not in feeds, and what the caller marked as not for them. */
  feedVideoViews(ids: string[], call: PublicCall): Promise<VideoView[]>;
  /** A person whose record is already loaded. */
  person(user: User, call: PublicCall): Promise<Person>;
}

export function createComposer(
  parts: PublicParts,
  clients: Pick<GatewayClients, "user" | "video" | "relation" | "interaction">,
  plays: Pick<Plays, "viewsOf" | "resumesOf">,
  log: Logger,
  { oneWay = false }: { oneWay?: boolean } = {},
): Composer {
  const optional = optionalPart(log);
  const { people, person, requirePerson } = createPeople(parts, clients, optional, { oneWay });
  const { videoViews, videoViewsById } = createVideoViews(parts, clients, people, optional, plays);
  return {
    people,
    requirePerson,
    videoViews,
    videoViewsById,
    unblockedPeople: async (ids, call) => (await people(ids, call)).filter((one) => isUnblocked(one, call)),
    likedVideoViews: async (ids, ownerId, call) =>
      (await videoViewsById(ids, call)).filter(
        ({ video }) => isListed(video) || ownerId === call.callerId || video.authorId === call.callerId,
      ),
    publicVideoViews: async (ids, call) =>
      (await videoViewsById(ids, call)).filter(
        ({ video, author }) => isPublic(video.visibility) && isUnblocked(author, call),
      ),
    feedVideoViews: async (ids, call) =>
      (await videoViewsById(ids, call)).filter(
        ({ video, author, reaction }) =>
          isListed(video) && isUnblocked(author, call) && reaction !== Reaction.DISLIKE,
      ),
    person,
  };
}

/** The lists of feeds learn a moment later that a video has become unlisted or private. */
function isListed({ visibility }: Video): boolean {
  return isPublic(visibility) || visibility === Visibility.FRIENDS;
}

/** Nobody can hide from a moderator by blocking them. Unblocked while nobody can tell (docs/adr/0011). */
function isUnblocked({ relation }: Person, { moderator }: PublicCall): boolean {
  return !relation?.blocked && (moderator === true || !relation?.blocksCaller);
}
