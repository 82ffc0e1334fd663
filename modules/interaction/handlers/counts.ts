import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { readIdCursor } from "#contracts/id-cursor.ts";
import { createListBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { idOrZero, isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { reactionOf } from "../reaction-kinds.ts";
import type { ReactionStore } from "../reaction-store.ts";
import { maxPage } from "../rules.ts";

type Service = Handlers<typeof InteractionService>;

export function getVideoStats(store: StoreFor<ReactionStore>): Service["getVideoStats"] {
  const counts = createListBatcher(
    async (ids, batch) => new Map((await store(batch).videoStats(ids)).map((row) => [row.video_id, row])),
  );
  return async (request, call) => {
    const videoIds = request.videoIds.filter(isId);
    const rows = await counts(videoIds, call);
    const stats = videoIds.map((videoId) => ({
      videoId,
      likes: Number(rows.get(videoId)?.likes ?? 0),
      dislikes: Number(rows.get(videoId)?.dislikes ?? 0),
      comments: Number(rows.get(videoId)?.comments ?? 0),
      bookmarks: Number(rows.get(videoId)?.bookmarks ?? 0),
      reposts: Number(rows.get(videoId)?.reposts ?? 0),
      shares: Number(rows.get(videoId)?.shares ?? 0),
      downloads: Number(rows.get(videoId)?.downloads ?? 0),
      commentsClosed: rows.get(videoId)?.closed ?? false,
    }));
    return { stats };
  };
}

export function getOpinions(store: StoreFor<ReactionStore>): Service["getOpinions"] {
  return async ({ people }, call) => {
    // Malformed ids get an empty answer and do not affect the others.
    const pairs = people.flatMap(({ userId, videoIds }) =>
      videoIds.map((videoId) => ({ userId: idOrZero(userId), videoId: idOrZero(videoId) })),
    );
    const found = await store(call).opinionsOf(pairs);
    const reactions = Uint8Array.from(found, ({ reaction }) => reactionOf(reaction));
    const bookmarks = Uint8Array.from(found, ({ kept }) => Number(kept));
    const reposts = Uint8Array.from(found, ({ reposted }) => Number(reposted));
    const ofEach = (all: Uint8Array) => {
      let end = 0;
      return people.map(({ videoIds }) => {
        end += videoIds.length;
        return all.slice(end - videoIds.length, end);
      });
    };
    return { opinions: ofEach(reactions), kept: ofEach(bookmarks), reposted: ofEach(reposts) };
  };
}

export function getUserStats(store: StoreFor<ReactionStore>): Service["getUserStats"] {
  const counts = createListBatcher(
    async (ids, batch) => new Map((await store(batch).userStats(ids)).map((row) => [row.user_id, row])),
  );
  return async (request, call) => {
    const userIds = request.userIds.filter(isId);
    const rows = await counts(userIds, call);
    const stats = userIds.map((userId) => ({
      userId,
      likesReceived: Number(rows.get(userId)?.likes_received ?? 0),
      likesGiven: Number(rows.get(userId)?.likes_given ?? 0),
    }));
    return { stats };
  };
}

export function listLiked(store: StoreFor<ReactionStore>): Service["listLiked"] {
  return async ({ userId, before, limit: asked }, call) => {
    if (!isId(userId)) return {};
    const from = readIdCursor(before);
    const { rows, after } = await takePage(asked, maxPage, (limit) => store(call).liked(userId, from, limit));
    return { videoIds: rows.map((row) => row.video_id), next: after?.id ?? "" };
  };
}
