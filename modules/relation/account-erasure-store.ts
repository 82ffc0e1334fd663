import { sql } from "kysely";
import { relationUnblocked, relationUnfollowed } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { count, removeFollows } from "./follow-rows.ts";
import type { Tables } from "./tables.ts";

const chunk = 500;

/** The steps of erasing a person. Each is idempotent and leaves facts and counts in agreement. */
export function accountErasureStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** Marks a person: follows and blocks lock this row, so none from or to them is added after this. */
    async markDeleted(userId: string): Promise<void> {
      await sql`
        insert into relation.stats (user_id, gone) values (${userId}, true)
        on conflict (user_id) do update set gone = true`.execute(db);
    },
    /** Ends some follows in both directions, as an unfollow does; returns whether there are more. */
    async removeFollows(userId: string): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        // A person who is ending one right now does so without us.
        const { rows: pairs } = await sql<{ followerId: string; followeeId: string }>`
          select follower_id as "followerId", followee_id as "followeeId" from relation.follow
          where ctid = any(array(
            (select ctid from relation.follow where follower_id = ${userId} limit ${chunk})
            union all
            (select ctid from relation.follow where followee_id = ${userId} limit ${chunk})
          )) limit ${chunk} for update skip locked`.execute(transaction);
        const ended = await removeFollows(transaction, pairs);
        await count(
          transaction,
          ended.map((pair) => ({ ...pair, change: -1 })),
        );
        const atMs = Date.now();
        for (const { follower_id: followerId, followee_id: followeeId, id: followId } of ended)
          emit(relationUnfollowed, { followerId, followeeId, followId, atMs });
        const { rows: left } = await sql`
          select from relation.follow where follower_id = ${userId}
          union all select from relation.follow where followee_id = ${userId} limit 1`.execute(transaction);
        if (left.length > 0 && pairs.length === 0) throw refusal("FOLLOWS_BUSY");
        return left.length > 0;
      });
    },
    /** Ends some blocks in both directions; returns whether there may be more. */
    async removeBlocks(userId: string): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const { rows } = await sql<{ blocker_id: string; blocked_id: string; id: string }>`
          delete from relation.block where ctid = any(array(
            (select ctid from relation.block where blocker_id = ${userId} limit ${chunk})
            union all
            (select ctid from relation.block where blocked_id = ${userId} limit ${chunk})
          )) returning blocker_id, blocked_id, id`.execute(transaction);
        const atMs = Date.now();
        for (const { blocker_id: blockerId, blocked_id: blockedId, id: blockId } of rows)
          emit(relationUnblocked, { blockerId, blockedId, blockId, atMs });
        return rows.length >= chunk;
      });
    },
  };
}

export type AccountErasureStore = ReturnType<typeof accountErasureStore>;
