import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import type { BlobUses, UsedBlob } from "#platform/module/module.ts";
import { stagedLifetimeMs } from "./rules.ts";
import { lockShown, shownBy } from "./shown-files.ts";
import type { Tables } from "./tables.ts";

/** The job that releases what was kept for a video and is not shown: `{video} {key} {random}`. */
export const releaseUnshownKind = "release-unshown";

/** Which videos and uploads use which blobs. */
export function blobUseStore(db: Kysely<Tables>) {
  return {
    isUsedBy: (key: string, ownerId: string) => isUsed(db, key, ownerId),
    /** Records that a video uses a blob, before it is put in place; false if the video is deleted. */
    async claimBlob(key: string, id: VideoId): Promise<boolean> {
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
    /**
     * Whether a blob is still used, by its owner if one is given, once it has been put in place. If it lost its last use in
     * between, the job that looked for the blob may have come too early; then another one is added.
     */
    async keepsBlob(key: string, jobs: Jobs, ownerId?: string): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        await lockBlob(transaction, key);
        if (!(await isUsed(transaction, key))) await jobs.add(transaction, "remove-blob", key);
        return isUsed(transaction, key, ownerId);
      });
    },
    /**
     * Before a blob is kept for a video that is to show it: should this process die before that, it is released. Returns
     * the job, which `releaseUnshown` ends.
     */
    async releaseUnlessShown(key: string, id: VideoId, jobs: Jobs): Promise<string> {
      const job = `${id} ${key} ${randomUUID()}`;
      await jobs.add(db, releaseUnshownKind, job, { runAt: new Date(Date.now() + stagedLifetimeMs) });
      return job;
    },
    /** Releases what was kept for a video, unless the video shows it. */
    async releaseUnshown(job: Pick<Job, "key"> & Partial<Pick<Job, "finish">>, jobs: Jobs): Promise<void> {
      const [id = "", key = ""] = job.key.split(" ");
      await inTransaction(db, async (transaction) => {
        const video = await lockShown(transaction, id);
        const shown = video ? await shownBy(transaction, id, video) : [];
        if (!shown.includes(key)) await releaseKeys(transaction, jobs, id, [key]);
        if (job.finish) await job.finish(transaction);
        else
          await transaction
            .deleteFrom("job")
            .where("kind", "=", releaseUnshownKind)
            .where("key", "=", job.key)
            .execute();
      });
    },
    /**
     * Runs `remove` unless the blob is used; no use of it begins meanwhile. The job ends under the same lock: a later
     * release adds another job.
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

/** Releases the blobs of these owners except `keep`; a job removes each blob that is no longer used. */
export async function releaseBlobs(
  on: Queryable<Tables>,
  jobs: Jobs,
  ownerIds: string[],
  keep: string[] = [],
): Promise<void> {
  let released = on.deleteFrom("blob_use").where("owner_id", "=", sql<string>`any(${ownerIds}::int8[])`);
  if (keep.length > 0) released = released.where("key", "not in", keep);
  await removeUnused(on, jobs, await released.returning("key").execute());
}

/** Releases these blobs of one owner, as releaseBlobs does. */
export async function releaseKeys(
  on: Queryable<Tables>,
  jobs: Jobs,
  ownerId: string,
  keys: string[],
): Promise<void> {
  const released = on
    .deleteFrom("blob_use")
    .where("owner_id", "=", ownerId)
    .where("key", "=", sql<string>`any(${keys}::text[])`);
  await removeUnused(on, jobs, await released.returning("key").execute());
}

async function removeUnused(on: Queryable<Tables>, jobs: Jobs, released: { key: string }[]): Promise<void> {
  const keys = new Set(released.map(({ key }) => key));
  // In the same order everywhere, so that transactions do not deadlock.
  for (const key of [...keys].sort()) {
    await lockBlob(on, key);
    await jobs.add(on, "remove-blob", key);
  }
}

/** Whether the blob is used at all, or by this owner. */
export async function isUsed(on: Queryable<Tables>, key: string, ownerId?: string): Promise<boolean> {
  let uses = on.selectFrom("blob_use").select("key").where("key", "=", key).limit(1);
  if (ownerId) uses = uses.where("owner_id", "=", ownerId);
  return (await uses.executeTakeFirst()) !== undefined;
}

export const blobUses: BlobUses<Tables> = {
  async list(db, after, limit) {
    const { rows } = await sql<UsedBlob>`
      select page.key, 'the video or upload ' || page.owner_id as "usedBy",
        coalesce(v.author_id, u.owner_id, 0)::text as "personId"
      from (
        select key, min(owner_id) as owner_id
        from video.blob_use where key > ${after} group by 1 order by 1 limit ${limit}
      ) page
      left join video.video v on v.id = page.owner_id
      left join video.upload u on u.id = page.owner_id and v.id is null
      order by 1`.execute(db);
    return rows;
  },
  hold: (db, key, act) =>
    inTransaction(db, async (transaction) => {
      // What is moved may be large.
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
      await lockBlob(transaction, key);
      return act(await isUsed(transaction, key));
    }),
};

/** Locked until the transaction ends, so that no use of the blob begins, and it is not removed, meanwhile. */
export async function lockBlob(on: Queryable<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}
