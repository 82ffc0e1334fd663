import { sql } from "kysely";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Job, JobQueue } from "#platform/jobs/job-queue.ts";
import type { Tables } from "./tables.ts";

/** Who uses which blobs, while one is put in its place or removed. */
export function blobUseStore(db: Kysely<Tables>) {
  return {
    /** Takes hold of a blob for a video before it is put in place; false when the video is gone. */
    async holdBlob(key: string, id: VideoId): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const video = await transaction
          .selectFrom("video")
          .select("id")
          .where("id", "=", id)
          .forShare()
          .executeTakeFirst();
        if (!video) return false;
        await lockBlob(transaction, key);
        await transaction
          .insertInto("blob_use")
          .values({ key, owner_id: id })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        return true;
      });
    },
    /** Puts a blob in its place unless its owner has let go of it, and so that nobody removes it meanwhile. */
    async placeBlob(key: string, ownerId: string, place: () => Promise<void>): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        await lockBlob(transaction, key);
        const used = await isUsed(transaction, key, ownerId);
        if (used) await place();
        return used;
      });
    },
    /**
     * Runs `remove` unless something uses the blob, and so that nothing can begin to meanwhile. The job ends under
     * the same lock: who lets go of the blob later adds another.
     */
    async removeUnusedBlob(job: Pick<Job, "key" | "finish">, remove: () => Promise<void>): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await lockBlob(transaction, job.key);
        if (!(await isUsed(transaction, job.key))) await remove();
        await job.finish(transaction);
      });
    },
  };
}

export type BlobUseStore = ReturnType<typeof blobUseStore>;

/** Lets go of what these own, but for `keep`, and has looked at whether somebody else uses it. */
export async function releaseBlobs(
  on: Queryable<Tables>,
  jobs: JobQueue,
  ownerIds: string[],
  keep: string[] = [],
): Promise<void> {
  let released = on.deleteFrom("blob_use").where("owner_id", "=", sql<string>`any(${ownerIds}::int8[])`);
  if (keep.length > 0) released = released.where("key", "not in", keep);
  const keys = new Set((await released.returning("key").execute()).map((row) => row.key));
  // In one order for all, so that nobody waits in a circle.
  for (const key of [...keys].sort()) {
    await lockBlob(on, key);
    await jobs.add(on, "remove-blob", key);
  }
}

/** Whether anybody uses the blob, or this owner does. */
export async function isUsed(on: Queryable<Tables>, key: string, ownerId?: string): Promise<boolean> {
  let uses = on.selectFrom("blob_use").select("key").where("key", "=", key).limit(1);
  if (ownerId) uses = uses.where("owner_id", "=", ownerId);
  return (await uses.executeTakeFirst()) !== undefined;
}

/** Held until the transaction ends, so that nobody begins to use the blob or removes it meanwhile. */
export async function lockBlob(on: Queryable<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}
