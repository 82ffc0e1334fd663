import { sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Tables } from "./tables.ts";
import { holdVideoIds } from "./video-rows.ts";

const page = 500;

/**
 * Holds the rows of people who comment until the transaction ends, in the order of ids: what they have is not removed
 * meanwhile. Error: AccountsDeleted.
 */
export async function holdPeople(on: Queryable<Tables>, userIds: string[]): Promise<void> {
  const { rows } = await sql<{ user_id: string; gone: boolean }>`
    insert into interaction.person as p (user_id)
    select distinct user_id from unnest(${userIds}::int8[]) as u(user_id) order by user_id
    on conflict (user_id) do update set likes_given = p.likes_given returning user_id, gone`.execute(on);
  refuseDeleted(rows);
}

/** The steps of removing a person, but for those that are like their own withdrawals. Each may be done again. */
export function accountStore(db: Kysely<Tables>) {
  return {
    /** From now on no reaction or comment comes from them: whoever brings one holds this row. */
    async shutOut(userId: string): Promise<void> {
      await sql`
        insert into interaction.person (user_id, gone) values (${userId}, true)
        on conflict (user_id) do update set gone = true`.execute(db);
    },
    /** A page of somebody's reactions of one kind, after this one. */
    reactions: (userId: string, reaction: 1 | -1, afterId: string) =>
      db
        .selectFrom("reaction")
        .select(["id", "video_id"])
        .where("user_id", "=", userId)
        .where("reaction", "=", reaction)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
    /** A page of somebody's comments and replies, after this one. */
    comments: (userId: string, afterId: string) =>
      db
        .selectFrom("comment")
        .select(["id", "video_id"])
        .where("author_id", "=", userId)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
    /** Lets some replies that name whom they answer answer the comment itself; tells whether there may be more. */
    async forgetNames(userId: string): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const { rows } = await sql<{ video_id: string; id: string }>`
          select video_id, id from interaction.comment where reply_to_user_id = ${userId} limit ${page}`.execute(
          transaction,
        );
        const videoIds = rows.map((row) => row.video_id);
        // As whoever removes comments does, who else might wait for some of these while we wait for theirs.
        await holdVideoIds(transaction, videoIds);
        await sql`
          update interaction.comment c set reply_to_user_id = null
          from unnest(${videoIds}::int8[], ${rows.map((row) => row.id)}::int8[]) as r(video_id, id)
          where c.video_id = r.video_id and c.id = r.id`.execute(transaction);
        return rows.length === page;
      });
    },
  };
}

export type AccountStore = ReturnType<typeof accountStore>;
