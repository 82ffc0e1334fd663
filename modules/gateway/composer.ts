import type { InteractionService, UserStats, VideoStats } from "#contracts/gen/interaction_pb.ts";
import type { Relation, RelationService } from "#contracts/gen/relation_pb.ts";
import type { User, UserService } from "#contracts/gen/user_pb.ts";
import type { Video, VideoService } from "#contracts/gen/video_pb.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Client } from "#platform/rpc/service.ts";
import type { PublicCall } from "./request-call.ts";

/** A person with what the services know of them, whichever surface shows it. */
export interface Person {
  user: User;
  works: number;
  /** Absent when the service that knows cannot say. */
  likes: UserStats | undefined;
  relation: Relation | undefined;
}
/** A video with its author. */
export interface Clip {
  video: Video;
  author: Person;
  /** Absent when the service that knows cannot say. */
  stats: VideoStats | undefined;
}

/**
 * Merges the answers of several services. What a page cannot do without is waited for; without the rest it is
 * shown all the same (a feed without counts beats no feed).
 */
export interface Composer {
  /** In the order asked; the unknown are left out. */
  people(ids: string[], call: PublicCall): Promise<Person[]>;
  clipsById(ids: string[], call: PublicCall): Promise<Clip[]>;
  clips(videos: Video[], call: PublicCall): Promise<Clip[]>;
  /**
   * The same for feeds and for what people say: without those whom the caller blocks or who block the caller. Pages
   * get shorter by them, cursors stay.
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
): Composer {
  /** What can be done without, by its id. */
  async function optional<T>(
    call: PublicCall,
    what: string,
    answer: Promise<T[]>,
    idOf: (entry: T) => string,
  ): Promise<Map<string, T>> {
    try {
      return new Map((await answer).map((entry) => [idOf(entry), entry]));
    } catch (error) {
      log.warn({ err: error, traceId: call.traceId }, `shown without ${what}`);
      call.missing.add(what);
      return new Map();
    }
  }

  /** Adds to people what the other services know of them; their records may still be on the way. */
  async function compose(userIds: string[], users: Promise<User[]>, call: PublicCall): Promise<Person[]> {
    const { video, interaction, relation } = clients;
    const works = video.getAuthorStats({ authorIds: userIds }, call).then(({ stats }) => stats);
    const likes = interaction.getUserStats({ userIds }, call).then(({ stats }) => stats);
    const relations = relation.getRelations({ userIds }, call).then((answer) => answer.relations);
    const [found, worksOf, likesOf, relationOf] = await Promise.all([
      users,
      optional(call, "works", works, ({ authorId }) => authorId),
      optional(call, "likes", likes, ({ userId }) => userId),
      optional(call, "relations", relations, ({ userId }) => userId),
    ]);
    return found.map((user) => ({
      user,
      works: worksOf.get(user.id)?.works ?? 0,
      likes: likesOf.get(user.id),
      relation: relationOf.get(user.id),
    }));
  }

  async function people(ids: string[], call: PublicCall): Promise<Person[]> {
    const wanted = [...new Set(ids)];
    if (wanted.length === 0) return [];
    const users = clients.user.getUsers({ ids: wanted }, call).then((answer) => answer.users);
    return compose(wanted, users, call);
  }

  async function clips(videos: Video[], call: PublicCall): Promise<Clip[]> {
    if (videos.length === 0) return [];
    const videoIds = videos.map((video) => video.id);
    const stats = clients.interaction.getVideoStats({ videoIds }, call).then((answer) => answer.stats);
    const [authors, statsOf] = await Promise.all([
      people(
        videos.map((video) => video.authorId),
        call,
      ),
      optional(call, "reactions", stats, ({ videoId }) => videoId),
    ]);
    const byId = new Map(authors.map((author) => [author.user.id, author]));
    return videos.flatMap((video) => {
      const author = byId.get(video.authorId);
      return author ? [{ video, author, stats: statsOf.get(video.id) }] : [];
    });
  }

  async function clipsById(ids: string[], call: PublicCall): Promise<Clip[]> {
    if (ids.length === 0) return [];
    const { videos } = await clients.video.getVideos({ ids }, call);
    return clips(videos, call);
  }

  return {
    people,
    clips,
    clipsById,
    unblockedPeople: async (ids, call) => (await people(ids, call)).filter(isUnblocked),
    unblockedClips: async (ids, call) =>
      (await clipsById(ids, call)).filter(({ author }) => isUnblocked(author)),
    async person(user, call) {
      const [person] = await compose([user.id], Promise.resolve([user]), call);
      return person!;
    },
  };
}

function isUnblocked({ relation }: Person): boolean {
  return !relation?.blocked && !relation?.blocksCaller;
}
