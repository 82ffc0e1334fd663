import { type RawBuilder, sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { BlobKey, BlobStore } from "#platform/blob/blob-store.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import type { BlobUses, UsedBlob } from "#platform/module/module.ts";
import { type Picture, sees } from "./message-row.ts";
import { maxPicturesADay } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** The job that removes the blobs of a picture unless another message or a report has them. */
export const removePictureKind = "remove-picture";
/** The same after a picture was to be sent: `{key} {hold}`. Until it is due, the blob stays. */
export const removeUnsentKind = "remove-unsent-picture";
/** Nobody waits for so long until a picture is sent. */
const sendingMs = 3_600_000;

/** Locked until the transaction ends: no blob of these is removed, and nobody else begins to use it. */
export async function lockBlobs(on: Queryable<Tables>, keys: readonly string[]): Promise<void> {
  const sorted = [...new Set(keys)].sort();
  await sql`
    select pg_advisory_xact_lock(hashtextextended(key, 0)) from unnest(${sorted}::text[]) as k(key)`.execute(
    on,
  );
}

/** Of messages that are being removed: `which` says of which `p`. Their blobs go by jobs. Returns how many. */
export async function dropPictures(
  on: Queryable<Tables>,
  jobs: Jobs,
  which: RawBuilder<unknown>,
): Promise<number> {
  const { rows } = await sql<Picture & { message_id: string }>`
    delete from message.picture p where ${which} returning message_id, key, small_key`.execute(on);
  await removeLater(
    on,
    jobs,
    rows.map((row) => ({ ...row, use: row.message_id })),
  );
  return rows.length;
}

/** The same of reports that end. */
export async function dropReportPictures(
  on: Queryable<Tables>,
  jobs: Jobs,
  which: RawBuilder<unknown>,
): Promise<void> {
  const { rows } = await sql<Picture & { report_id: string; message_id: string }>`
    delete from message.report_picture p where ${which} returning report_id, message_id, key, small_key`.execute(
    on,
  );
  await removeLater(
    on,
    jobs,
    rows.map((row) => ({ ...row, use: `${row.report_id}.${row.message_id}` })),
  );
}

async function removeLater(
  on: Queryable<Tables>,
  jobs: Jobs,
  ended: readonly (Pick<Picture, "key" | "small_key"> & { use: string })[],
): Promise<void> {
  await jobs.addAll(
    on,
    removePictureKind,
    ended.flatMap(({ key, small_key, use }) => [key, small_key].map((one) => ({ key: `${one} ${use}` }))),
  );
}

/** A job for each use that ended; the last one finds none. */
export function removePicture(db: Kysely<Tables>, blobs: Pick<BlobStore, "remove">): JobKind {
  return {
    maxAttempts: 10,
    timeoutMs: 60_000,
    run: (job) =>
      inTransaction(db, async (transaction) => {
        const [key = ""] = job.key.split(" ");
        await lockBlobs(transaction, [key]);
        await removeUnused(transaction, blobs, [key]);
        await job.finish(transaction);
      }),
  };
}

const dayMs = 24 * 3_600_000;

/** Counts a picture that somebody begins to send. Error: PICTURES_SENT_TOO_MANY. */
export async function countPicture(
  db: Kysely<Tables>,
  userId: string,
  atMs: number = Date.now(),
): Promise<void> {
  const day = Math.floor(atMs / dayMs);
  const { rows } = await sql`
    insert into message.pictures_sent as p (user_id, day, count) values (${userId}, ${day}, 1)
    on conflict (user_id) do update set day = excluded.day,
      count = case when p.day = excluded.day then p.count + 1 else 1 end
    where p.day <> excluded.day or p.count < ${maxPicturesADay}
    returning count`.execute(db);
  if (rows.length === 0) throw refusal("PICTURES_SENT_TOO_MANY", { max: maxPicturesADay });
}

/**
 * Before the blobs of a picture are put in their place: they stay there until the hold ends, or for an hour if this process
 * dies before. So a message with it is sent without asking a store for them, while conversations are locked.
 */
export function holdPicture(
  db: Kysely<Tables>,
  jobs: Jobs,
  hold: string,
  keys: readonly string[],
): Promise<void> {
  return inTransaction(db, async (on) => {
    await lockBlobs(on, keys);
    await addHold(on, jobs, hold, keys);
  });
}

/** The same of a picture that is sent on. Error: BUSY if no message has it any more. */
export function holdShown(
  db: Kysely<Tables>,
  jobs: Jobs,
  hold: string,
  keys: readonly string[],
): Promise<void> {
  return inTransaction(db, async (on) => {
    await lockBlobs(on, keys);
    for (const key of keys) if (!(await isShown(on, key))) throw refusal("BUSY");
    await addHold(on, jobs, hold, keys);
  });
}

async function addHold(on: Queryable<Tables>, jobs: Jobs, hold: string, keys: readonly string[]) {
  const runAt = new Date(Date.now() + sendingMs);
  await jobs.addAll(
    on,
    removeUnsentKind,
    keys.map((key) => ({ key: `${key} ${hold}`, runAt })),
  );
}

/** The picture was sent, or will not be: then its blobs are removed. */
export function endHold(
  db: Kysely<Tables>,
  blobs: Pick<BlobStore, "remove">,
  hold: string,
  keys: readonly string[],
): Promise<void> {
  return inTransaction(db, async (on) => {
    await lockBlobs(on, keys);
    await on
      .deleteFrom("job")
      .where("kind", "=", removeUnsentKind)
      .where(
        "key",
        "in",
        keys.map((key) => `${key} ${hold}`),
      )
      .execute();
    await removeUnused(on, blobs, keys);
  });
}

/** Those of these blobs, which are locked, that no message or report has, or is about to have. */
async function removeUnused(
  on: Queryable<Tables>,
  blobs: Pick<BlobStore, "remove">,
  keys: readonly string[],
): Promise<void> {
  for (const key of keys) if (!(await isUsed(on, key))) await blobs.remove(key as BlobKey);
}

/** Those of these blobs that a message shows which the person sees. */
export async function shownBlobs(
  db: Kysely<Tables>,
  userId: string,
  messageId: string,
  keys: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ key: string; small_key: string }>`
    select p.key, p.small_key from message.picture p
    join message.message m on m.low_id = p.low_id and m.high_id = p.high_id and m.id = p.message_id
    where p.message_id = ${messageId} and ${sees(sql`m`, sql`${userId}::int8`)}`.execute(db);
  return keys.filter((key) => rows.some((row) => key === row.key || key === row.small_key));
}

/** Those of these blobs that are kept for a report. */
export async function reportedBlobs(
  db: Kysely<Tables>,
  reportId: string,
  keys: readonly string[],
): Promise<string[]> {
  const rows = await db
    .selectFrom("report_picture")
    .select(["key", "small_key"])
    .where("report_id", "=", reportId)
    .execute();
  return keys.filter((key) => rows.some((row) => key === row.key || key === row.small_key));
}

/** What is held first: who sends it ends the hold after the message is there. */
const isUsed = async (on: Queryable<Tables>, key: string) =>
  (await isHeld(on, key)) || (await isShown(on, key)) || (await isReported(on, key));

async function isHeld(on: Queryable<Tables>, key: string): Promise<boolean> {
  const { rows } = await sql`
    select from message.job
    where kind = ${removeUnsentKind} and key ^@ ${`${key} `} and run_at > now() and not dead limit 1`.execute(
    on,
  );
  return rows.length > 0;
}

const isShown = (on: Queryable<Tables>, key: string) => isKeptIn(on, "picture", key);
const isReported = (on: Queryable<Tables>, key: string) => isKeptIn(on, "report_picture", key);

async function isKeptIn(
  on: Queryable<Tables>,
  table: "picture" | "report_picture",
  key: string,
): Promise<boolean> {
  const picture = await on
    .selectFrom(table)
    .select("message_id")
    .where((is) => is.or([is("key", "=", key), is("small_key", "=", key)]))
    .limit(1)
    .executeTakeFirst();
  return picture !== undefined;
}

/** The pictures of messages, and of those that were reported. */
export const pictureUses: BlobUses<Tables> = {
  async list(db, after, limit) {
    const { rows } = await sql<UsedBlob>`
      select key, 'the message ' || min(message_id) as "usedBy", min(sender_id)::text as "personId" from (
        select p.key, p.message_id, m.sender_id from (
          -- Many may have the same: in each part the limit is one of keys, not of messages.
          (select distinct on (key) key, low_id, high_id, message_id from message.picture
            where key > ${after} order by 1 limit ${limit})
          union all
          (select distinct on (small_key) small_key, low_id, high_id, message_id from message.picture
            where small_key > ${after} order by 1 limit ${limit})
        ) as p
        join message.message m on m.low_id = p.low_id and m.high_id = p.high_id and m.id = p.message_id
        union all
        select p.key, p.message_id, l.sender_id from (
          (select distinct on (key) key, reporter_id, report_id, message_id from message.report_picture
            where key > ${after} order by 1 limit ${limit})
          union all
          (select distinct on (small_key) small_key, reporter_id, report_id, message_id from message.report_picture
            where small_key > ${after} order by 1 limit ${limit})
        ) as p
        join message.report_line l using (reporter_id, report_id, message_id)
      ) as used
      group by 1 order by 1 limit ${limit}`.execute(db);
    return rows;
  },
  hold: (db, key, act) =>
    inTransaction(db, async (transaction) => {
      // What is moved may be large.
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
      await lockBlobs(transaction, [key]);
      return act(await isUsed(transaction, key));
    }),
};
