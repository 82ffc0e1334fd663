import type { User, UserService } from "#contracts/gen/user_pb.ts";
import type { Video, VideoService } from "#contracts/gen/video_pb.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";

/** A person with what the services know of them, whichever surface shows it. */
export interface Person {
  user: User;
  works: number;
}
/** A video with its author. */
export interface Clip {
  video: Video;
  author: Person;
}

/**
 * Merges the answers of several services. What a page cannot do without is waited for; without the rest it is
 * shown all the same (a feed without counts beats no feed).
 */
export interface Composer {
  /** In the order asked; the unknown are left out. */
  people(ids: string[], call: Call): Promise<Person[]>;
  clipsById(ids: string[], call: Call): Promise<Clip[]>;
  clips(videos: Video[], call: Call): Promise<Clip[]>;
  /** Somebody whose record is at hand already. */
  person(user: User, call: Call): Promise<Person>;
}

export function createComposer(
  clients: { user: Client<typeof UserService>; video: Client<typeof VideoService> },
  log: Logger,
): Composer {
  async function works(ids: string[], call: Call): Promise<Map<string, number>> {
    try {
      const { stats } = await clients.video.getAuthorStats({ authorIds: ids }, call);
      return new Map(stats.map((entry) => [entry.authorId, entry.works]));
    } catch (error) {
      log.warn({ err: error, traceId: call.traceId }, "shown without counts");
      return new Map();
    }
  }

  async function people(ids: string[], call: Call): Promise<Person[]> {
    const wanted = [...new Set(ids)];
    if (wanted.length === 0) return [];
    const [{ users }, counts] = await Promise.all([
      clients.user.getUsers({ ids: wanted }, call),
      works(wanted, call),
    ]);
    return users.map((user) => ({ user, works: counts.get(user.id) ?? 0 }));
  }

  async function clips(videos: Video[], call: Call): Promise<Clip[]> {
    const authors = await people(
      videos.map((video) => video.authorId),
      call,
    );
    const byId = new Map(authors.map((author) => [author.user.id, author]));
    return videos.flatMap((video) => {
      const author = byId.get(video.authorId);
      return author ? [{ video, author }] : [];
    });
  }

  return {
    people,
    clips,
    async clipsById(ids, call) {
      if (ids.length === 0) return [];
      const { videos } = await clients.video.getVideos({ ids }, call);
      return clips(videos, call);
    },
    async person(user, call) {
      const counts = await works([user.id], call);
      return { user, works: counts.get(user.id) ?? 0 };
    },
  };
}
