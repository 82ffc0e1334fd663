import { sql } from "kysely";
import { AccountsDeleted, refuseDeleted } from "#contracts/deleted-accounts.ts";
import { relationBlocked, relationUnblocked, relationUnfollowed } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { retryOn } from "#platform/db/retry.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { count, removeFollows } from "./follow-rows.ts";
import { blocksTooMany, maxBlocked } from "./rules.ts";
import type { Tables } from "./tables.ts";

export interface BlockPair {
  blockerId: string;
  blockedId: string;
}

const maxAttempts = 5;

/** The SQL of blocks. */
export function blockStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  /**
   * The follows between the two are locked first, as unfollowing does before it counts. Then the counts, so that a
   * follow in progress sees the block or has finished (findRefused). One that just finished may be on its way out
   * again, in a transaction that waits for this one: so this does not wait a second time.
   */
  const blockOnce = ({ blockerId, blockedId, id }: BlockPair & { id: string }) =>
    events.transaction(db, async (transaction, emit) => {
      const follows = [
        { followerId: blockerId, followeeId: blockedId },
        { followerId: blockedId, followeeId: blockerId },
      ];
      await lockFollows(transaction, follows, sql``);
      await lockCounts(transaction, [blockerId, blockedId]);
      const added = await transaction
        .insertInto("block")
        .values({ blocker_id: blockerId, blocked_id: blockedId, id })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (!added.numInsertedOrUpdatedRows) return false;
      if ((await countBlocked(transaction, blockerId)) > maxBlocked) throw blocksTooMany();
      await lockFollows(transaction, follows, sql`nowait`);
      const ended = await removeFollows(transaction, follows);
      await count(
        transaction,
        ended.map((pair) => ({ ...pair, change: -1 })),
      );
      for (const { follower_id: followerId, followee_id: followeeId, id: followId } of ended)
        emit(relationUnfollowed, { followerId, followeeId, followId, atMs: Date.now() });
      emit(relationBlocked, { blockerId, blockedId, blockId: id, atMs: timeOfId(id) });
      return true;
    });

  return {
    /** Adds a block and ends both follows, with counts and events. Error: BLOCKS_TOO_MANY. */
    async block(pair: BlockPair & { id: string }): Promise<boolean> {
      try {
        return await retryOn(["55P03"], maxAttempts, () => blockOnce(pair));
      } catch (error) {
        if (error instanceof AccountsDeleted) throw error.refusalFor(pair.blockerId, pair.blockedId) ?? error;
        if ((error as { code?: unknown }).code !== "55P03") throw error;
        throw refusal("BUSY", "Somebody else changes this too. Try again.");
      }
    },
    async unblock({ blockerId, blockedId }: BlockPair): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const ended = await transaction
          .deleteFrom("block")
          .where("blocker_id", "=", blockerId)
          .where("blocked_id", "=", blockedId)
          .returning("id")
          .executeTakeFirst();
        if (!ended) return false;
        emit(relationUnblocked, { blockerId, blockedId, blockId: ended.id, atMs: Date.now() });
        return true;
      });
    },
    /** The people a person blocks, newest first. */
    blocked(userId: string, before: string | undefined, limit: number) {
      const rows = db
        .selectFrom("block")
        .select(["id", "blocked_id as user_id"])
        .where("blocker_id", "=", userId)
        .orderBy("id", "desc")
        .limit(limit);
      return (before ? rows.where("id", "<", before) : rows).execute();
    },
  };
}

export type BlockStore = ReturnType<typeof blockStore>;

async function lockFollows(
  on: Queryable<Tables>,
  pairs: { followerId: string; followeeId: string }[],
  wait: ReturnType<typeof sql>,
): Promise<void> {
  await sql`
    select from relation.follow f
    join unnest(${pairs.map((pair) => pair.followerId)}::int8[], ${pairs.map((pair) => pair.followeeId)}::int8[])
      as p(follower_id, followee_id) on f.follower_id = p.follower_id and f.followee_id = p.followee_id
    order by f.follower_id for update of f ${wait}`.execute(on);
}

/** In the order of ids, like every counting. Error: AccountsDeleted. */
async function lockCounts(on: Queryable<Tables>, userIds: string[]): Promise<void> {
  const { rows } = await sql<{ user_id: string; gone: boolean }>`
    insert into relation.stats as s (user_id) select * from unnest(${userIds}::int8[]) order by 1
    on conflict (user_id) do update set following = s.following returning user_id, gone`.execute(on);
  refuseDeleted(rows);
}

async function countBlocked(on: Queryable<Tables>, blockerId: string): Promise<number> {
  const { total } = await on
    .selectFrom("block")
    .select((is) => is.fn.countAll<string>().as("total"))
    .where("blocker_id", "=", blockerId)
    .executeTakeFirstOrThrow();
  return Number(total);
}
