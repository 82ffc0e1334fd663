import { sql } from "kysely";
import type { UserId, VideoId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { releaseBlobs } from "./blob-use-store.ts";
import type { Tables } from "./tables.ts";

const page = 100;

/** The steps of erasing an author. Each is idempotent. */
export function accountErasureStore(db: Kysely<Tables>) {
  return {
    /**
     * Marks an author: nothing of theirs is added after this. Returns false, and always for this request, if a video
     * of theirs is on hold: a hold locks the author too, so none slips through.
     */
    async markDeleted(authorId: string, closingId: string): Promise<boolean> {
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
        await transaction.deleteFrom("known_file_challenge").where("owner_id", "=", authorId).execute();
        return held === undefined;
      });
    },
    /** Some of the author's published videos; empty at the end. */
    async someVideos(authorId: string): Promise<VideoId[]> {
      const rows = await db
        .selectFrom("video")
        .select("id")
        .where("author_id", "=", authorId)
        .limit(page)
        .execute();
      return rows.map(({ id }) => id as VideoId);
    },
    /** Removes some of the author's unpublished uploads; returns whether there may be more. */
    async removeUploads(ownerId: UserId, jobs: Jobs): Promise<boolean> {
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

export type AccountErasureStore = ReturnType<typeof accountErasureStore>;
