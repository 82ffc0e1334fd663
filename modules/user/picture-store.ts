import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { BlobKey, BlobStore } from "#platform/blob/blob-store.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import type { BlobUses, UsedBlob } from "#platform/module/module.ts";
import type { Tables } from "./tables.ts";

/** The job that removes a picture unless somebody has it: `{key}`, or `{key} {random}` of one that is about to be set. */
export const removePictureKind = "remove-picture";
/** Nobody waits for so long until a picture is set. */
const settingMs = 3_600_000;

/**
 * Before a picture is put in its place: should this process die before it is set, it is removed. Returns the job, which
 * `setPicture` ends.
 */
export async function removeUnlessSet(on: Queryable<Tables>, jobs: Jobs, key: string): Promise<string> {
  const job = `${key} ${randomUUID()}`;
  await jobs.add(on, removePictureKind, job, { runAt: new Date(Date.now() + settingMs) });
  return job;
}

/** In the transaction in which somebody does not have a picture any more. */
export async function dropPicture(on: Queryable<Tables>, jobs: Jobs, key: string): Promise<void> {
  await lockPicture(on, key);
  await jobs.add(on, removePictureKind, key);
}

/** The job ends under the same lock: who drops the picture later adds another job. */
export function removePicture(db: Kysely<Tables>, blobs: Pick<BlobStore, "remove">): JobKind {
  return {
    maxAttempts: 10,
    timeoutMs: 60_000,
    run: (job) =>
      inTransaction(db, async (transaction) => {
        await removeUnused(transaction, blobs, job.key.split(" ")[0]!);
        await job.finish(transaction);
      }),
  };
}

/** Removes a picture that nobody has any more. */
export async function removeUnused(
  on: Queryable<Tables>,
  blobs: Pick<BlobStore, "remove">,
  key: string,
): Promise<void> {
  await lockPicture(on, key);
  if (!(await isUsed(on, key))) await blobs.remove(key as BlobKey);
}

/** Locked until the transaction ends, so that nobody sets the picture, and it is not removed, meanwhile. */
export async function lockPicture(on: Queryable<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}

async function isUsed(on: Queryable<Tables>, key: string): Promise<boolean> {
  const user = await on
    .selectFrom("account")
    .select("id")
    .where((is) => is.or([is("avatar_key", "=", key), is("background_key", "=", key)]))
    .limit(1)
    .executeTakeFirst();
  if (user) return true;
  const file = await on
    .selectFrom("export")
    .select("user_id")
    .where("blob_key", "=", key)
    .limit(1)
    .executeTakeFirst();
  return file !== undefined;
}

/** The pictures of people, and the files with their data. */
export const pictureUses: BlobUses<Tables> = {
  async list(db, after, limit) {
    const { rows } = await sql<UsedBlob>`
      select key, 'the account ' || min(id) as "usedBy", min(id)::text as "personId" from (
        -- Many may have the same: in each half the limit is one of keys, not of accounts.
        (select avatar_key as key, min(id) as id from "user".account
          where avatar_key <> '' and avatar_key > ${after} group by 1 order by 1 limit ${limit})
        union all
        (select background_key, min(id) from "user".account
          where background_key <> '' and background_key > ${after} group by 1 order by 1 limit ${limit})
        union all
        (select blob_key, user_id from "user".export
          where blob_key <> '' and blob_key > ${after} order by 1 limit ${limit})
      ) as picture
      group by 1 order by 1 limit ${limit}`.execute(db);
    return rows;
  },
  hold: (db, key, act) =>
    inTransaction(db, async (transaction) => {
      // What is moved may be large.
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
      await lockPicture(transaction, key);
      return act(await isUsed(transaction, key));
    }),
};
