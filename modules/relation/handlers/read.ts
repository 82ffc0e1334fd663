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
  const standings = createBatcher(store.standings, { maxBatch: 1000 });
  return async ({ userIds }, { callerId }) => {
    const relations = userIds.filter(isId).map(async (userId) => {
      const [counts, standing] = await Promise.all([
        stats(userId),
        callerId === undefined ? undefined : standings({ userId: callerId, otherId: userId }),
      ]);
      return {
        userId,
        ...counts,
        ...(standing && {
          followed: standing.followed,
          followsCaller: standing.followsBack,
          blocked: standing.blocked,
          blocksCaller: standing.blockedBy,
        }),
      };
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
  return async (request) => (isId(request.userId) ? pageOf(rows, request.userId, request) : {});
}

/** A page of somebody's list, and where the next one starts. */
export async function pageOf(rows: Rows, userId: string, asked: { before: string; limit: number }) {
  const limit = Math.min(asked.limit, maxPage);
  const found = await rows(userId, isId(asked.before) ? asked.before : undefined, limit + 1);
  const page = found.slice(0, limit);
  return { userIds: page.map((row) => row.user_id), next: found.length > limit ? page.at(-1)!.id : "" };
}
