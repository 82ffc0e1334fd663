import type { Reaction, VideoStats } from "#contracts/gen/interaction_pb.ts";
import type { Resume } from "#contracts/gen/playback_pb.ts";
import type { Video } from "#contracts/gen/video_pb.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import type { OptionalPart } from "./optional-part.ts";
import type { Person } from "./people.ts";
import type { Plays } from "./plays.ts";
import type { PublicParts } from "./public-parts.ts";

/** A video as pages show it: with its author, its counts and the caller's reaction. */
export interface VideoView {
  video: Video;
  author: Person;
  /** Absent if the service cannot be asked. */
  stats: VideoStats | undefined;
  /** Of a page that is kept: 0, until it is sent. */
  views: number;
  /** Where the caller stopped watching. */
  resume: Resume | undefined;
  /** The caller's reaction. */
  reaction: Reaction;
  /** Whether the caller keeps it. */
  kept: boolean;
  /** Whether the caller reposts it. */
  reposted: boolean;
  /** Ids of people whom it mentions, by the key of their user name. */
  mentions: ReadonlyMap<string, string>;
}

/** Composes views from the services that know the videos, their authors and the reactions. */
export function createVideoViews(
  parts: PublicParts,
  { video, interaction }: Pick<GatewayClients, "video" | "interaction">,
  people: (ids: string[], call: PublicCall) => Promise<Person[]>,
  optional: OptionalPart,
  plays: Pick<Plays, "viewsOf" | "resumesOf">,
) {
  const reactionsOf = coalesce(async (people: { userId: string; videoIds: string[] }[], call) => {
    const { opinions, kept, reposted } = await interaction.getOpinions({ people }, call);
    return people.map((_, i) => ({ reactions: opinions[i], kept: kept[i], reposted: reposted[i] }));
  });

  async function videoViews(videos: Video[], call: PublicCall): Promise<VideoView[]> {
    if (videos.length === 0) return [];
    const { callerId } = call;
    const videoIds = videos.map(({ id }) => id);
    const authorIds = videos.map(({ authorId }) => authorId);
    const reactions = () =>
      Promise.all([
        parts.videoStats(videoIds, call),
        callerId === undefined ? undefined : reactionsOf({ userId: callerId, videoIds }, call),
      ]);
    const mentioned = [...new Set(videos.flatMap(({ mentions }) => mentions.map(({ userId }) => userId)))];
    // Into pages that are kept it is put when they are sent.
    const isKept = call.asOf !== undefined;
    const [authors, known, there, views, resumes] = await Promise.all([
      people(authorIds, call),
      optional(call, "reactions", reactions),
      // Of those who are gone nothing is told.
      mentioned.length === 0 ? undefined : parts.users(mentioned, call),
      isKept ? undefined : plays.viewsOf(videoIds, () => call),
      isKept || callerId === undefined ? undefined : plays.resumesOf(callerId, videoIds, () => call),
    ]);
    const [stats, own] = known ?? [];
    const byId = new Map(authors.map((author) => [author.user.id, author]));
    return videos.flatMap((video, i) => {
      const author = byId.get(video.authorId);
      if (!author) return [];
      const found = video.mentions.filter(({ userId }) => there?.has(userId));
      const mentions = new Map(found.map(({ nameKey, userId }) => [nameKey, userId]));
      return [
        {
          video,
          author,
          stats: stats?.get(video.id),
          views: views?.counts.get(video.id) ?? 0,
          resume: resumes?.get(video.id),
          reaction: own?.reactions?.[i] ?? 0,
          kept: own?.kept?.[i] === 1,
          reposted: own?.reposted?.[i] === 1,
          mentions,
        },
      ];
    });
  }

  async function videoViewsById(ids: string[], call: PublicCall): Promise<VideoView[]> {
    if (ids.length === 0) return [];
    const { callerId, moderator } = call;
    const found = moderator ? new Map<string, Video>() : await parts.videos(ids, call);
    // Authors and moderators may see more than others.
    const special = ids.filter((id) => !found.has(id) || found.get(id)!.authorId === callerId);
    const own =
      callerId === undefined || special.length === 0
        ? []
        : (await video.getVideos({ ids: special }, call)).videos;
    const ownById = new Map(own.map((one) => [one.id, one]));
    return videoViews(
      ids.flatMap((id) => ownById.get(id) ?? found.get(id) ?? []),
      call,
    );
  }

  return { videoViews, videoViewsById };
}
