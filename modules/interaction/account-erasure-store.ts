import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { StoredKind } from "./reaction-kinds.ts";
import type { Tables } from "./tables.ts";
import { lockVideoIds } from "./video-rows.ts";

const page = 500;

/** The steps of erasing a person, except those that equal a withdrawal of their own. Each is idempotent. */
export function accountErasureStore(db: Kysely<Tables>) {
  return {
    /** Marks a person: adding a reaction or comment of theirs locks this row, so none is added after this. */
    async markDeleted(userId: string): Promise<void> {
      await sql`
        insert into interaction.person (user_id, gone) values (${userId}, true)
        on conflict (user_id) do update set gone = true`.execute(db);
    },
    /** A page of a person's reactions of one kind, after this one. */
    reactions: (userId: string, reaction: StoredKind, afterId: string) =>
      db
        .selectFrom("reaction")
        .select(["id", "video_id"])
        .where("user_id", "=", userId)
        .where("reaction", "=", reaction)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
    /** A page of a person's comments and replies, after this one. */
    comments: (userId: string, afterId: string) =>
      db
        .selectFrom("comment")
        .select(["id", "video_id"])
        .where("author_id", "=", userId)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
    /** Makes some replies that name this person answer the comment itself; returns whether there may be more. */
    async forgetNames(userId: string): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const { rows } = await sql<{ video_id: string; id: string }>`
          select video_id, id from interaction.comment where reply_to_user_id = ${userId} limit ${page}`.execute(
          transaction,
        );
        const videoIds = rows.map((row) => row.video_id);
        // In the same order as removing comments does; else the two could wait for each other.
        await lockVideoIds(transaction, videoIds);
        await sql`
          update interaction.comment c set reply_to_user_id = null
          from unnest(${videoIds}::int8[], ${rows.map((row) => row.id)}::int8[]) as r(video_id, id)
          where c.video_id = r.video_id and c.id = r.id`.execute(transaction);
        return rows.length === page;
      });
    },
  };
}

export type AccountErasureStore = ReturnType<typeof accountErasureStore>;
