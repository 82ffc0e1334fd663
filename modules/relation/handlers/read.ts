import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { RelationStore } from "../store.ts";

type Service = Handlers<typeof RelationService>;

/** Large enough to deliver a video to followers in few pages. */
const maxPage = 5000;

export function getRelations(store: RelationStore): Service["getRelations"] {
  const stats = createBatcher(async (ids: string[]) => {
    const rows = new Map((await store.stats([...new Set(ids)])).map((row) => [row.user_id, row]));
    return ids.map((id) => ({
      following: Number(rows.get(id)?.following ?? 0),
      followers: Number(rows.get(id)?.followers ?? 0),
    }));
  });
  const follows = createBatcher(store.follows, { maxBatch: 2000 });
  return async ({ userIds }, { callerId }) => {
    const relations = userIds.filter(isId).map(async (userId) => {
      const [counts, followed, followsCaller] = await Promise.all([
        stats(userId),
        callerId !== undefined && follows({ followerId: callerId, followeeId: userId }),
        callerId !== undefined && follows({ followerId: userId, followeeId: callerId }),
      ]);
      return { userId, ...counts, followed, followsCaller };
    });
    return { relations: await Promise.all(relations) };
  };
}

export function filterFollowed(store: RelationStore): Service["filterFollowed"] {
  const follows = createBatcher(store.follows, { maxBatch: 5000 });
  return async (request, call) => {
    const followerId = requireCaller(call);
    const ids = request.userIds.filter(isId);
    const followed = await Promise.all(ids.map((followeeId) => follows({ followerId, followeeId })));
    return { userIds: ids.filter((_, i) => followed[i]) };
  };
}

type Rows = (
  userId: string,
  before: string | undefined,
  limit: number,
) => Promise<{ id: string; user_id: string }[]>;

/** A list handler over one of the store's lists. */
export function listBy(rows: Rows): Service["listFollowing"] {
  return async (request) => {
    if (!isId(request.userId)) return {};
    const limit = Math.min(request.limit, maxPage);
    const found = await rows(request.userId, isId(request.before) ? request.before : undefined, limit + 1);
    const page = found.slice(0, limit);
    return { userIds: page.map((row) => row.user_id), next: found.length > limit ? page.at(-1)!.id : "" };
  };
}
