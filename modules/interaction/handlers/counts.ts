import { type InteractionService, Reaction } from "#contracts/gen/interaction_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { Opinion, ReactionStore } from "../reaction-store.ts";
import { maxPage } from "../rules.ts";

type Service = Handlers<typeof InteractionService>;

const reactionOf = (opinion: Opinion) =>
  opinion === 1 ? Reaction.LIKE : opinion === -1 ? Reaction.DISLIKE : Reaction.UNSPECIFIED;

export function getVideoStats(store: ReactionStore): Service["getVideoStats"] {
  const counts = createBatcher(async (ids: string[]) => {
    const rows = new Map((await store.videoStats([...new Set(ids)])).map((row) => [row.video_id, row]));
    return ids.map((id) => ({
      likes: Number(rows.get(id)?.likes ?? 0),
      dislikes: Number(rows.get(id)?.dislikes ?? 0),
      comments: Number(rows.get(id)?.comments ?? 0),
    }));
  });
  const opinions = createBatcher(store.opinions, { maxBatch: 2000 });
  return async ({ videoIds }, { callerId: userId }) => {
    const stats = videoIds.filter(isId).map(async (videoId) => {
      const [count, opinion] = await Promise.all([
        counts(videoId),
        userId === undefined ? (0 as const) : opinions({ videoId, userId }),
      ]);
      return { videoId, ...count, reaction: reactionOf(opinion) };
    });
    return { stats: await Promise.all(stats) };
  };
}

export function getUserStats(store: ReactionStore): Service["getUserStats"] {
  const counts = createBatcher(async (ids: string[]) => {
    const rows = new Map((await store.userStats([...new Set(ids)])).map((row) => [row.user_id, row]));
    return ids.map((userId) => ({
      userId,
      likesReceived: Number(rows.get(userId)?.likes_received ?? 0),
      likesGiven: Number(rows.get(userId)?.likes_given ?? 0),
    }));
  });
  return async ({ userIds }) => ({ stats: await Promise.all(userIds.filter(isId).map(counts)) });
}

export function listLiked(store: ReactionStore): Service["listLiked"] {
  return async ({ userId, before, limit: asked }) => {
    if (!isId(userId)) return {};
    const limit = Math.min(asked, maxPage);
    const rows = await store.liked(userId, isId(before) ? before : undefined, limit + 1);
    const page = rows.slice(0, limit);
    return { videoIds: page.map((row) => row.video_id), next: rows.length > limit ? page.at(-1)!.id : "" };
  };
}
