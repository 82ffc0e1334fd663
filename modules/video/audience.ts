import { areFriends } from "#contracts/friends.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";
import { isVisible, type Seen } from "./rules.ts";

/** Who may see which video. Nobody else decides it. */
export interface Audience {
  /**
   * Those of these videos that the caller may see; for moderators, if the caller is one, whatever is published. Fails if
   * one is for friends and relation cannot be asked.
   */
  visible<Video extends Seen>(videos: Video[], call: Call, forModerators?: boolean): Promise<Video[]>;
}

export function askAudience(relation: Client<typeof RelationService, "getStandings">): Audience {
  const standingsOf = coalesce(
    async (people: { userId: string; otherIds: string[] }[], call) =>
      (await relation.getStandings({ people }, call)).standings,
    { idsIn: ({ otherIds }) => otherIds.length },
  );
  return {
    async visible(videos, call, forModerators) {
      const { callerId, moderator } = call;
      if (forModerators && moderator)
        return videos.filter(({ state, author_id }) => state === "published" || author_id === callerId);
      // Asked only about who has something for friends: everything else is seen without relation.
      const asked = videos.filter(({ state, visibility, author_id }) => {
        return state === "published" && visibility === "friends" && author_id !== callerId;
      });
      const otherIds = [...new Set(asked.map(({ author_id }) => author_id))];
      const standings =
        callerId === undefined || otherIds.length === 0
          ? []
          : await standingsOf({ userId: callerId, otherIds }, call);
      const friends = new Set(otherIds.filter((_, i) => areFriends(standings[i] ?? 0)));
      return videos.filter((video) => isVisible(video, callerId, friends));
    },
  };
}

/** Why the caller could not change a video, given what is stored of it. */
export async function mayNotChange(
  video: Seen | undefined,
  call: Call,
  audience: Audience,
): Promise<DomainError> {
  const [seen] = video ? await audience.visible([video], call) : [];
  if (!seen) return refusal("VIDEO_NOT_FOUND");
  if (seen.author_id === call.callerId) return refusal("VIDEO_HELD");
  return refusal("NOT_YOURS", "Only its author can change or delete a video.");
}
