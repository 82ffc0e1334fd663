import type { Caches } from "#platform/cache/caches.ts";
import type { Validity } from "#platform/cache/validity.ts";
import { colourOf } from "#platform/observe/trace-context.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesceById } from "#platform/rpc/coalesce.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { maxAgeMs } from "./feed-validity.ts";

/** Of each part. A feed shows the same new videos to many people. */
const maxEntries = 10_000;
/** For what all changes are told of. */
const dayMs = 24 * 3_600_000;

/** By the id of the video or person; what nobody knows is left out. */
type PartById<Part> = (ids: string[], call: PublicCall) => Promise<ReadonlyMap<string, Part>>;
export type PublicParts = ReturnType<typeof createPublicParts>;

/**
 * What everybody sees the same of videos and people, asked for without a caller. Pages of feeds remember it until an
 * event concerns its video or person: people who see a page for the first time see videos that others have seen.
 */
export function createPublicParts(
  { user, video, relation, interaction }: Pick<GatewayClients, "user" | "video" | "relation" | "interaction">,
  validity: Validity,
  caches: Pick<Caches, "validatedEntries">,
) {
  function part<Part>(
    name: string,
    load: (ids: string[], call: Call) => Promise<Part[]>,
    idOf: (part: Part) => string,
    { forMs = maxAgeMs, orLastKnown = false } = {},
  ): PartById<Part> {
    const ask = coalesceById(load, idOf);
    const remembered = caches.validatedEntries<Part>(name, { validity, max: maxEntries, maxAgeMs: forMs });
    return async (ids, call) => {
      // Another version of a service may answer otherwise.
      const colour = colourOf(call.traceId);
      const prefix = colour === undefined ? "" : `${colour} `;
      if (call.asOf === undefined) {
        const answer = ask(ids, call);
        if (!orLastKnown) return answer;
        return answer.catch((error) =>
          remembered.getMany(prefix, ids, validity.last(), () => Promise.reject(error)),
        );
      }
      return remembered.getMany(prefix, ids, call.asOf, (missing) => ask(missing, call));
    };
  }
  return {
    videos: part(
      "videos",
      async (ids, call) => (await video.getVideos({ ids }, call)).videos,
      ({ id }) => id,
    ),
    videoStats: part(
      "video stats",
      async (videoIds, call) => (await interaction.getVideoStats({ videoIds }, call)).stats,
      ({ videoId }) => videoId,
    ),
    users: part(
      "people",
      async (ids, call) => (await user.getUsers({ ids }, call)).users,
      ({ id }) => id,
    ),
    works: part(
      "works of people",
      async (authorIds, call) => (await video.getAuthorStats({ authorIds }, call)).stats,
      ({ authorId }) => authorId,
    ),
    likes: part(
      "likes of people",
      async (userIds, call) => (await interaction.getUserStats({ userIds }, call)).stats,
      ({ userId }) => userId,
    ),
    follows: part(
      "follows of people",
      async (userIds, call) => (await relation.getRelations({ userIds }, call)).relations,
      ({ userId }) => userId,
    ),
    /**
     * Of the keys of blobs, those that anybody may load. While the database is away, as was last known here: what
     * people are watching goes on.
     */
    openBlobs: part(
      "open blobs",
      async (keys, call) => (await video.findOpenBlobs({ keys }, call)).keys,
      (key) => key,
      { forMs: dayMs, orLastKnown: true },
    ),
  };
}
