import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Tables } from "./tables.ts";

/** The steps of removing a person as reader and as author. Each may be done again. */
export function accountStore(db: Kysely<Tables>) {
  return {
    /**
     * Takes their inbox away; from now on it is not opened again, and nothing is noted of what they published. The
     * mark goes as idle readers do, long after the last request of theirs and the last event about them.
     */
    async shutOut(userId: string): Promise<void> {
      await sql`
        insert into feed.reader (user_id, gone) values (${userId}, true)
        on conflict (user_id) do update set gone = true, stale = true, last_read_at = now()`.execute(db);
      for (const table of ["inbox", "source", "pull"] as const)
        await db.deleteFrom(table).where("user_id", "=", userId).execute();
    },
    /** Removes what there is of them as an author; followers' inboxes lose them with the follows. */
    async removeAuthor(userId: string): Promise<void> {
      await inTransaction(db, async (transaction) => {
        // Lets whoever notes a video come to its end, and see the mark if they come later.
        await sql`set local lock_timeout = '2s'`.execute(transaction);
        await sql`lock table feed.author in share row exclusive mode`.execute(transaction);
        for (const table of ["author", "author_video", "delivery"] as const)
          await transaction.deleteFrom(table).where("author_id", "=", userId).execute();
      });
    },
  };
}

export type AccountStore = ReturnType<typeof accountStore>;
