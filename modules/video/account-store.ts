import { sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { JobQueue } from "#platform/jobs/job-queue.ts";
import { releaseBlobs } from "./blob-use-store.ts";
import type { Tables } from "./tables.ts";

const page = 100;

/**
 * Holds an author's row until the transaction ends: what they have is not removed meanwhile. Within the transaction of
 * everything that comes in from them. Error: AccountsDeleted.
 */
export async function holdAuthor(on: Queryable<Tables>, authorId: string): Promise<void> {
  const { rows } = await sql<{ user_id: string; gone: boolean }>`
    insert into video.author_stats as s (author_id, works) values (${authorId}, 0)
    on conflict (author_id) do update set works = s.works returning author_id as user_id, gone`.execute(on);
  refuseDeleted(rows);
}

/** Counts a video of theirs that others can see, or one fewer. */
export async function countWorks(on: Queryable<Tables>, authorId: string, change: 1 | -1): Promise<void> {
  await sql`
    insert into video.author_stats as stats (author_id, works) values (${authorId}, ${change})
    on conflict (author_id) do update set works = stats.works + ${change}`.execute(on);
}

/** The steps of removing an author. Each may be done again. */
export function accountStore(db: Kysely<Tables>) {
  return {
    /**
     * From now on nothing comes in from this author any more. False, now and for this closing for ever, when one of
     * their videos is on hold: whoever puts one on hold holds the author too, so that none slips through.
     */
    async shutOut(authorId: string, closingId: string): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const { rows } = await sql<{ refused: boolean }>`
          insert into video.author_stats as s (author_id, works) values (${authorId}, 0)
          on conflict (author_id) do update set works = s.works
          returning refused_closing >= ${closingId}::int8 as refused`.execute(transaction);
        if (rows[0]!.refused) return false;
        const held = await transaction
          .selectFrom("video")
          .select("id")
          .where("author_id", "=", authorId)
          .where("held", "=", true)
          .limit(1)
          .executeTakeFirst();
        await transaction
          .updateTable("author_stats")
          .set(held ? { refused_closing: closingId } : { gone: true })
          .where("author_id", "=", authorId)
          .execute();
        return held === undefined;
      });
    },
    /** Some of what an author has published; empty at the end. */
    async someVideos(authorId: string): Promise<VideoId[]> {
      const rows = await db
        .selectFrom("video")
        .select("id")
        .where("author_id", "=", authorId)
        .limit(page)
        .execute();
      return rows.map(({ id }) => id as VideoId);
    },
    /** Removes some of what an author has uploaded without publishing it; tells whether there may be more. */
    async removeUploads(ownerId: UserId, jobs: JobQueue): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const { rows } = await sql<{ id: string }>`
          delete from video.upload where owner_id = ${ownerId} and id = any(array(
            select id from video.upload where owner_id = ${ownerId} limit ${page}
          )) returning id`.execute(transaction);
        await releaseBlobs(
          transaction,
          jobs,
          rows.map(({ id }) => id),
        );
        return rows.length === page;
      });
    },
  };
}

export type AccountStore = ReturnType<typeof accountStore>;
