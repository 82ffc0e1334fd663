import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Tables } from "./tables.ts";

/** The steps of erasing a person as reader and as author. Each is idempotent. */
export function accountErasureStore(db: Kysely<Tables>) {
  return {
    /**
     * Marks a person and removes their inbox: it is not opened again, and their publications are not recorded. The
     * mark expires like an idle reader, long after the person's last request and the last event about them.
     */
    async markDeleted(userId: string): Promise<void> {
      await sql`
        insert into feed.reader (user_id, gone) values (${userId}, true)
        on conflict (user_id) do update set gone = true, stale = true, last_read_at = now()`.execute(db);
      for (const table of ["inbox", "source", "pull"] as const)
        await db.deleteFrom(table).where("user_id", "=", userId).execute();
    },
    /** Removes what is recorded of them as an author. Followers' inboxes lose their videos when the follows end. */
    async removeAuthor(userId: string): Promise<void> {
      await inTransaction(db, async (transaction) => {
        // Waits for transactions that are recording a video. Those that come later see the mark.
        await sql`set local lock_timeout = '2s'`.execute(transaction);
        await sql`lock table feed.author in share row exclusive mode`.execute(transaction);
        for (const table of ["author", "author_video", "delivery"] as const)
          await transaction.deleteFrom(table).where("author_id", "=", userId).execute();
      });
    },
  };
}

export type AccountErasureStore = ReturnType<typeof accountErasureStore>;
