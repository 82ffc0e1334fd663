import type { InteractionService, Reaction, UserStats, VideoStats } from "#contracts/gen/interaction_pb.ts";
import type { Relation, RelationService } from "#contracts/gen/relation_pb.ts";
import type { User, UserService } from "#contracts/gen/user_pb.ts";
import type { Video, VideoService } from "#contracts/gen/video_pb.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Client } from "#platform/rpc/service.ts";
import { shared, sharedById } from "#platform/rpc/shared-calls.ts";
import type { PublicCall } from "./request-call.ts";

/** A person with what the services know of them, whichever surface shows it. */
export interface Person {
  user: User;
  works: number;
  /** Absent when the service that knows cannot say. */
  likes: UserStats | undefined;
  relation: Omit<Relation, "$typeName"> | undefined;
}
/** A video with its author. */
export interface Clip {
  video: Video;
  author: Person;
  /** Absent when the service that knows cannot say. */
  stats: VideoStats | undefined;
  /** The caller's. */
  opinion: Reaction;
}

/**
 * Merges the answers of several services, and the questions of concurrent requests. What a page cannot do without is
 * waited for; without the rest it is shown all the same (a feed without counts beats no feed).
 */
export interface Composer {
  /** In the order asked; the unknown are left out. */
  people(ids: string[], call: PublicCall): Promise<Person[]>;
  clipsById(ids: string[], call: PublicCall): Promise<Clip[]>;
  clips(videos: Video[], call: PublicCall): Promise<Clip[]>;
  /**
   * The same for feeds and for what people say: without those whom the caller blocks, and without those who block a
   * caller who is no moderator. Pages get shorter by them, cursors stay.
   */
  unblockedPeople(ids: string[], call: PublicCall): Promise<Person[]>;
  unblockedClips(ids: string[], call: PublicCall): Promise<Clip[]>;
  /** Somebody whose record is at hand already. */
  person(user: User, call: PublicCall): Promise<Person>;
}

export function createComposer(
  clients: {
    user: Client<typeof UserService>;
    video: Client<typeof VideoService>;
    relation: Client<typeof RelationService>;
    interaction: Client<typeof InteractionService>;
  },
  log: Logger,
  /** `oneWay`: nobody is told whether others follow them back. */
  { oneWay = false }: { oneWay?: boolean } = {},
): Composer {
  const { user, video, relation, interaction } = clients;
  // What everybody may see is asked on nobody's behalf, what depends on the caller for many callers.
  const usersOf = sharedById(
    async (ids, call) => (await user.getUsers({ ids }, call)).users,
    ({ id }) => id,
  );
  const videosOf = sharedById(
    async (ids, call) => (await video.getVideos({ ids }, call)).videos,
    ({ id }) => id,
  );
  const worksOf = sharedById(
    async (authorIds, call) => (await video.getAuthorStats({ authorIds }, call)).stats,
    ({ authorId }) => authorId,
  );
  const likesOf = sharedById(
    async (userIds, call) => (await interaction.getUserStats({ userIds }, call)).stats,
    ({ userId }) => userId,
  );
  const statsOf = sharedById(
    async (videoIds, call) => (await interaction.getVideoStats({ videoIds }, call)).stats,
    ({ videoId }) => videoId,
  );
  const countsOf = sharedById(
    async (userIds, call) => (await relation.getRelations({ userIds }, call)).relations,
    ({ userId }) => userId,
  );
  const standingsOf = shared(
    async (people: { userId: string; otherIds: string[] }[], call) =>
      (await relation.getStandings({ people, oneWay }, call)).standings,
  );
  const opinionsOf = shared(
    async (people: { userId: string; videoIds: string[] }[], call) =>
      (await interaction.getOpinions({ people }, call)).opinions,
  );

  /** What can be done without. */
  async function optional<T>(call: PublicCall, what: string, answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      log.warn({ err: error, traceId: call.traceId }, `shown without ${what}`);
      call.missing.add(what);
      return undefined;
    }
  }

  /** How people stand and are followed. */
  async function relationsOf(userIds: string[], call: PublicCall) {
    const { callerId } = call;
    const [counts, standings] = await Promise.all([
      countsOf(userIds, call),
      callerId === undefined ? undefined : standingsOf({ userId: callerId, otherIds: userIds }, call),
    ]);
    return (i: number): Person["relation"] => {
      const count = counts.get(userIds[i]!);
      const flags = standings?.[i] ?? 0;
      return (
        count && {
          userId: count.userId,
          following: count.following,
          followers: count.followers,
          followed: (flags & 1) > 0,
          followsCaller: (flags & 2) > 0,
          blocked: (flags & 4) > 0,
          blocksCaller: (flags & 8) > 0,
        }
      );
    };
  }

  /** Adds to people what the other services know of them; their records may still be on the way. */
  async function compose(
    userIds: string[],
    users: Promise<(id: string) => User | undefined>,
    call: PublicCall,
  ): Promise<Person[]> {
    const [find, works, likes, relations] = await Promise.all([
      users,
      optional(call, "works", worksOf(userIds, call)),
      optional(call, "likes", likesOf(userIds, call)),
      optional(call, "relations", relationsOf(userIds, call)),
    ]);
    return userIds.flatMap((id, i) => {
      const found = find(id);
      if (!found) return [];
      return [
        { user: found, works: works?.get(id)?.works ?? 0, likes: likes?.get(id), relation: relations?.(i) },
      ];
    });
  }

  /** Of oneself one may know more than others. */
  async function findUsers(ids: string[], call: PublicCall): Promise<(id: string) => User | undefined> {
    const own = ids.find((id) => id === call.callerId);
    const [others, self] = await Promise.all([
      usersOf(
        ids.filter((id) => id !== own),
        call,
      ),
      own === undefined ? undefined : user.getUsers({ ids: [own] }, call),
    ]);
    return (id) => (id === own ? self!.users[0] : others.get(id));
  }

  async function people(ids: string[], call: PublicCall): Promise<Person[]> {
    const wanted = [...new Set(ids)];
    return wanted.length === 0 ? [] : compose(wanted, findUsers(wanted, call), call);
  }

  async function clips(videos: Video[], call: PublicCall): Promise<Clip[]> {
    if (videos.length === 0) return [];
    const { callerId } = call;
    const videoIds = videos.map(({ id }) => id);
    const authorIds = videos.map(({ authorId }) => authorId);
    const reactions = Promise.all([
      statsOf(videoIds, call),
      callerId === undefined ? undefined : opinionsOf({ userId: callerId, videoIds }, call),
    ]);
    const [authors, known] = await Promise.all([
      people(authorIds, call),
      optional(call, "reactions", reactions),
    ]);
    const [stats, opinions] = known ?? [];
    const byId = new Map(authors.map((author) => [author.user.id, author]));
    return videos.flatMap((video, i) => {
      const author = byId.get(video.authorId);
      return author ? [{ video, author, stats: stats?.get(video.id), opinion: opinions?.[i] ?? 0 }] : [];
    });
  }

  async function clipsById(ids: string[], call: PublicCall): Promise<Clip[]> {
    if (ids.length === 0) return [];
    const { callerId, moderator } = call;
    const found = moderator ? new Map<string, Video>() : await videosOf(ids, call);
    // Authors and moderators may see more than everybody.
    const special = ids.filter((id) => !found.has(id) || found.get(id)!.authorId === callerId);
    const own =
      callerId === undefined || special.length === 0
        ? []
        : (await video.getVideos({ ids: special }, call)).videos;
    const ownById = new Map(own.map((one) => [one.id, one]));
    return clips(
      ids.flatMap((id) => ownById.get(id) ?? found.get(id) ?? []),
      call,
    );
  }

  return {
    people,
    clips,
    clipsById,
    unblockedPeople: async (ids, call) =>
      (await people(ids, call)).filter((person) => isUnblocked(person, call)),
    unblockedClips: async (ids, call) =>
      (await clipsById(ids, call)).filter(({ author }) => isUnblocked(author, call)),
    async person(user, call) {
      const [person] = await compose(
        [user.id],
        Promise.resolve(() => user),
        call,
      );
      return person!;
    },
  };
}

/** From a moderator nobody can hide what they say by blocking them. */
function isUnblocked({ relation }: Person, { moderator }: PublicCall): boolean {
  return !relation?.blocked && (moderator === true || !relation?.blocksCaller);
}
