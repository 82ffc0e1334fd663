import { Reaction } from "#contracts/gen/interaction_pb.ts";
import type { User } from "#contracts/gen/user_pb.ts";
import type { Video } from "#contracts/gen/video_pb.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { PublicCall } from "../edge/request-call.ts";
import { optionalPart } from "./optional-part.ts";
import { createPeople, type PeopleClients, type Person } from "./people.ts";
import { createVideoViews, type VideoView } from "./video-views.ts";

/**
 * Merges the answers of several services, and the questions of concurrent requests. What a page cannot do without is
 * waited for; without the rest it is shown all the same (a feed without counts beats no feed).
 */
export interface Composer {
  /** In the order asked; the unknown are left out. */
  people(ids: string[], call: PublicCall): Promise<Person[]>;
  videoViewsById(ids: string[], call: PublicCall): Promise<VideoView[]>;
  videoViews(videos: Video[], call: PublicCall): Promise<VideoView[]>;
  /**
   * The same for feeds and for what people say: without those whom the caller blocks, and without those who block a
   * caller who is no moderator. Pages get shorter by them, cursors stay.
   */
  unblockedPeople(ids: string[], call: PublicCall): Promise<Person[]>;
  /** For feeds: also without what the caller has said is not for them. */
  feedVideoViews(ids: string[], call: PublicCall): Promise<VideoView[]>;
  /** Somebody whose record is at hand already. */
  person(user: User, call: PublicCall): Promise<Person>;
}

export function createComposer(
  clients: PeopleClients,
  log: Logger,
  { oneWay = false }: { oneWay?: boolean } = {},
): Composer {
  const optional = optionalPart(log);
  const { people, person } = createPeople(clients, optional, { oneWay });
  const { videoViews, videoViewsById } = createVideoViews(clients, people, optional);
  return {
    people,
    videoViews,
    videoViewsById,
    unblockedPeople: async (ids, call) => (await people(ids, call)).filter((one) => isUnblocked(one, call)),
    feedVideoViews: async (ids, call) =>
      (await videoViewsById(ids, call)).filter(
        ({ author, reaction }) => isUnblocked(author, call) && reaction !== Reaction.DISLIKE,
      ),
    person,
  };
}

/** From a moderator nobody can hide what they say by blocking them. */
function isUnblocked({ relation }: Person, { moderator }: PublicCall): boolean {
  return !relation?.blocked && (moderator === true || !relation?.blocksCaller);
}
