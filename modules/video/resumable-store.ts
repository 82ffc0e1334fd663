import { type Selectable, sql } from "kysely";
import type { UploadId, UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { lockAuthor } from "./author-rows.ts";
import { releaseBlobs } from "./blob-use-store.ts";
import type { Tables } from "./tables.ts";
import { type Unpublished, unpublishedBytes, unpublishedInTurn } from "./upload-store.ts";

export type ResumableRow = Selectable<Tables["resumable_upload"]>;

/** The SQL of uploads that come in pieces; one that is finished has no partial file, and is an upload as well. */
export function resumableStore(db: Kysely<Tables>) {
  const own = (id: UploadId, ownerId: UserId) =>
    db.selectFrom("resumable_upload").selectAll().where("id", "=", id).where("owner_id", "=", ownerId);

  return {
    /** Adds one, unless `refuse` throws at what its owner has already. Error: AccountsDeleted. */
    async begin(
      upload: {
        id: UploadId;
        ownerId: UserId;
        address: string;
        sizeBytes: number;
        partial: string;
        /** Its sender puts it into the store. */
        isDirect?: boolean;
      },
      refuse: (unpublished: Unpublished, unfinished: number) => Promise<void>,
    ): Promise<ResumableRow> {
      return inTransaction(db, async (transaction) => {
        await lockAuthor(transaction, upload.ownerId);
        const { count } = await transaction
          .selectFrom("resumable_upload")
          .select(({ fn }) => fn.countAll<string>().as("count"))
          .where("owner_id", "=", upload.ownerId)
          .where("partial", "<>", "")
          .executeTakeFirstOrThrow();
        await refuse(await unpublishedInTurn(transaction, upload.ownerId, upload.address), Number(count));
        return transaction
          .insertInto("resumable_upload")
          .values({
            id: upload.id,
            owner_id: upload.ownerId,
            address: upload.address,
            size_bytes: upload.sizeBytes,
            partial: upload.partial,
            ...(upload.isDirect && { direct: "" }),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      });
    },

    find: (id: UploadId, ownerId: UserId) => own(id, ownerId).executeTakeFirst(),

    /** Notes what the store knows a direct upload by. */
    async noteDirect(id: UploadId, ownerId: UserId, direct: string): Promise<void> {
      await db
        .updateTable("resumable_upload")
        .set({ direct })
        .where("id", "=", id)
        .where("owner_id", "=", ownerId)
        .execute();
    },

    /** The lock, for one who has it or when nobody does; undefined: another one has it, or there is no such upload. */
    async lock(
      id: UploadId,
      ownerId: UserId,
      by: {
        writer: string;
        uncheckedFrom?: number | undefined;
        receivedBytes?: number | undefined;
        forMs: number;
        isDirect?: boolean;
      },
    ) {
      return db
        .updateTable("resumable_upload")
        .set({
          writer: by.writer,
          writer_until: sql<Date>`clock_timestamp() + ${by.forMs} * interval '1 ms'`,
          ...(by.uncheckedFrom !== undefined && { unchecked_from: by.uncheckedFrom }),
          ...(by.receivedBytes !== undefined && received(by.receivedBytes)),
        })
        .where("id", "=", id)
        .where("owner_id", "=", ownerId)
        .where("direct", by.isDirect ? "is not" : "is", null)
        .where((row) =>
          row.or([row("writer", "=", by.writer), row("writer_until", "<", sql<Date>`clock_timestamp()`)]),
        )
        .returningAll()
        .executeTakeFirst();
    },

    /** What its owner, its address and all have. */
    unpublished: (row: ResumableRow) => unpublishedBytes(db, row.owner_id as UserId, row.address),

    /** Ends the lock, and all that has come by then counts; false when there is no such upload any more. */
    async unlock(id: UploadId, ownerId: UserId, writer: string, receivedBytes: number): Promise<boolean> {
      await db
        .updateTable("resumable_upload")
        .set({
          writer: "",
          writer_until: sql<Date>`'-infinity'`,
          unchecked_from: null,
          ...received(receivedBytes),
        })
        .where("id", "=", id)
        .where("owner_id", "=", ownerId)
        .where("writer", "=", writer)
        .execute();
      return (await own(id, ownerId).executeTakeFirst()) !== undefined;
    },

    /** Notes that the partial file became an upload: who asks again for its offset is told that all has come. */
    async finish(id: UploadId, ownerId: UserId): Promise<void> {
      await db
        .updateTable("resumable_upload")
        .set({ partial: "" })
        .where("id", "=", id)
        .where("owner_id", "=", ownerId)
        .execute();
    },

    async forget(id: UploadId, ownerId: UserId): Promise<void> {
      await db.deleteFrom("resumable_upload").where("id", "=", id).where("owner_id", "=", ownerId).execute();
    },

    /** Removes an upload, finished or not; returns the name of its partial file, "" if it has none any more. */
    async cancel(id: UploadId, ownerId: UserId, jobs: Jobs): Promise<string | undefined> {
      return inTransaction(db, async (transaction) => {
        const pending = await transaction
          .deleteFrom("resumable_upload")
          .where("id", "=", id)
          .where("owner_id", "=", ownerId)
          .returning("partial")
          .executeTakeFirst();
        const upload = await transaction
          .deleteFrom("upload")
          .where("owner_id", "=", ownerId)
          .where("id", "=", id)
          .returning("id")
          .executeTakeFirst();
        if (upload) await releaseBlobs(transaction, jobs, [upload.id]);
        return pending?.partial ?? (upload && "");
      });
    },

    /** Removes those of a person, or those to which nothing was added for long, or that were begun long ago; returns their partial files. */
    async drop(
      which: { ownerId: UserId } | { untouchedMs: number; olderThanMs: number; directMs: number },
    ): Promise<string[]> {
      const dropped = await db
        .deleteFrom("resumable_upload")
        .where((row) =>
          "ownerId" in which
            ? row("owner_id", "=", which.ownerId)
            : row.and([
                // Not one that somebody completes just now.
                row("writer_until", "<", sql<Date>`clock_timestamp()`),
                row.or([
                  row("touched_at", "<", sql<Date>`now() - ${which.untouchedMs} * interval '1 ms'`),
                  row("begun_at", "<", sql<Date>`now() - ${which.olderThanMs} * interval '1 ms'`),
                  row.and([
                    row("direct", "is not", null),
                    row("partial", "<>", ""),
                    row("begun_at", "<", sql<Date>`now() - ${which.directMs} * interval '1 ms'`),
                  ]),
                ]),
              ]),
        )
        .returning("partial")
        .execute();
      return dropped.map(({ partial }) => partial).filter(Boolean);
    },
  };
}

/** Notes how much has come, and when more did. */
const received = (bytes: number) => ({
  received_bytes: bytes,
  touched_at: sql<Date>`case when received_bytes < ${bytes} then now() else touched_at end`,
});

export type ResumableStore = ReturnType<typeof resumableStore>;
