import { sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/**
 * Locks an author's row until the transaction ends, so that they are not erased meanwhile. Every transaction that
 * adds something of theirs does this. Error: AccountsDeleted.
 */
export async function lockAuthor(on: Queryable<Tables>, authorId: string): Promise<void> {
  const { rows } = await sql<{ user_id: string; gone: boolean }>`
    insert into video.author_stats as s (author_id, works) values (${authorId}, 0)
    on conflict (author_id) do update set works = s.works returning author_id as user_id, gone`.execute(on);
  refuseDeleted(rows);
}

/** Whether their account is deleted; locked as by `lockAuthor`. */
export async function isGone(on: Queryable<Tables>, authorId: string): Promise<boolean> {
  const author = await on
    .selectFrom("author_stats")
    .select("gone")
    .where("author_id", "=", authorId)
    .forUpdate()
    .executeTakeFirst();
  return author?.gone ?? false;
}

/** Counts a public video of theirs, or one fewer. */
export async function countWorks(on: Queryable<Tables>, authorId: string, change: 1 | -1): Promise<void> {
  await sql`
    insert into video.author_stats as stats (author_id, works) values (${authorId}, ${change})
    on conflict (author_id) do update set works = stats.works + ${change}`.execute(on);
}
