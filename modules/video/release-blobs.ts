import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { JobQueue } from "#platform/jobs/job-queue.ts";
import type { Tables } from "./tables.ts";

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

/** Held until the transaction ends, so that nobody begins to use the blob or removes it meanwhile. */
export async function lockBlob(on: Queryable<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}
