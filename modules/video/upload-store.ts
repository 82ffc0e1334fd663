import { availableParallelism } from "node:os";
import { sql } from "kysely";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type Kysely, type Queryable, traceOf } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { expectedMs } from "#platform/media/effort.ts";
import type { MediaInfo, PictureInfo } from "#platform/media/media-tool.ts";
import { lockAuthor } from "./author-rows.ts";
import { blobUseStore, isUsed, lockBlob, releaseBlobs } from "./blob-use-store.ts";
import { isPicture, toUpload } from "./present-upload.ts";
import { schedulePublication } from "./publication.ts";
import { announcedMs, checkPublishAt, firstRenditionShortSidePx } from "./rules.ts";
import type { Tables } from "./tables.ts";
import type { VideoRow } from "./video-lists.ts";

/** The SQL of uploads, until they become videos or are removed. */
export function uploadStore(db: Kysely<Tables>) {
  return {
    keepsBlob: blobUseStore(db).keepsBlob,
    /**
     * Adds the upload and its use of the blob, unless `refuse` throws at the number of unpublished bytes of its
     * owner, of its address and in all. Error: AccountsDeleted.
     */
    async addUpload(
      upload: {
        id: UploadId;
        ownerId: UserId;
        address?: string;
        sourceKey: string;
        sizeBytes: number;
        info: object;
        /** The blob is to be there already, used by another. Error: UPLOAD_UNKNOWN, unless it is. */
        isKnown?: boolean;
        /** It came in pieces. Error: UPLOAD_NOT_FOUND, when it was cancelled meanwhile. */
        resumable?: boolean;
      },
      refuse: (unpublished: Unpublished) => Promise<void> = async () => {},
    ) {
      await inTransaction(db, async (transaction) => {
        await lockAuthor(transaction, upload.ownerId);
        if (upload.resumable) await lockResumable(transaction, upload);
        else await refuse(await unpublishedInTurn(transaction, upload.ownerId, upload.address ?? ""));
        await lockBlob(transaction, upload.sourceKey);
        // A removed file may be in its place for a moment more.
        if (upload.isKnown && !(await isUsed(transaction, upload.sourceKey))) throw refusal("UPLOAD_UNKNOWN");
        await transaction
          .insertInto("blob_use")
          .values({ key: upload.sourceKey, owner_id: upload.id })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await transaction
          .insertInto("upload")
          .values({
            owner_id: upload.ownerId,
            id: upload.id,
            source_key: upload.sourceKey,
            size_bytes: upload.sizeBytes,
            info: JSON.stringify(upload.info),
            address: upload.address ?? "",
          })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      });
    },

    /** Takes an upload back that nobody was told of. */
    async withdraw(id: UploadId, ownerId: UserId, jobs: Jobs): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await transaction.deleteFrom("upload").where("owner_id", "=", ownerId).where("id", "=", id).execute();
        await releaseBlobs(transaction, jobs, [id]);
      });
    },

    /** An upload of a person, also when it has become a video. */
    async finished(id: UploadId, ownerId: UserId) {
      const { rows } = await sql<{ source_key: string; size_bytes: string; info: MediaInfo | PictureInfo }>`
        select source_key, size_bytes, info from video.upload where owner_id = ${ownerId} and id = ${id}
        union all
        select source_key, coalesce(original_bytes, size_bytes), info from video.video where author_id = ${ownerId} and upload_id = ${id}
        limit 1`.execute(db);
      if (!rows[0]) return undefined;
      const sizeBytes = Number(rows[0].size_bytes);
      return { sourceKey: rows[0].source_key, upload: toUpload(id, sizeBytes, rows[0].info) };
    },

    /**
     * Turns an upload into a video with its first job, once; undefined if there is neither the upload nor a video
     * made of it.
     */
    async publish(
      video: { id: VideoId; authorId: UserId; uploadId: UploadId; title: string } & Partial<
        Pick<VideoRow, "description" | "mentions" | "visibility" | "download_allowed" | "draft">
      > & { publishAtMs?: number },
      jobs: Jobs,
    ): Promise<VideoRow | undefined> {
      return inTransaction(db, async (transaction) => {
        const upload = await transaction
          .deleteFrom("upload")
          .where("owner_id", "=", video.authorId)
          .where("id", "=", video.uploadId)
          .returningAll()
          .executeTakeFirst();
        if (!upload) {
          return transaction
            .selectFrom("video")
            .selectAll()
            .where("author_id", "=", video.authorId)
            .where("upload_id", "=", video.uploadId)
            .executeTakeFirst();
        }
        const { info } = upload;
        if (isPicture(info)) throw refusal("NOT_A_VIDEO", { what: "This upload is a picture" });
        await lockAuthor(transaction, video.authorId);
        await transaction
          .updateTable("blob_use")
          .set({ owner_id: video.id })
          .where("owner_id", "=", video.uploadId)
          .execute();
        await jobs.add(transaction, "process", video.id, {
          traceId: traceOf(db),
          owner: video.authorId,
          expectedMs: expectedMs(info, firstRenditionShortSidePx, availableParallelism()),
        });
        // Not of a repeated request, which may come when that time is over.
        const publishAtMs = checkPublishAt(video.publishAtMs ?? 0);
        await schedulePublication(transaction, jobs, { id: video.id, publishAtMs, traceId: traceOf(db) });
        return transaction
          .insertInto("video")
          .values({
            id: video.id,
            author_id: video.authorId,
            upload_id: video.uploadId,
            title: video.title,
            description: video.description,
            mentions: video.mentions && JSON.stringify(video.mentions),
            visibility: video.visibility,
            download_allowed: video.download_allowed,
            draft: video.draft,
            publish_at_ms: publishAtMs,
            state: "uploaded",
            source_key: upload.source_key,
            duration_ms: info.durationMs,
            width: info.width,
            height: info.height,
            size_bytes: upload.size_bytes,
            info: JSON.stringify(info),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      });
    },

    storageOf: (ownerId: UserId) => storageOf(db, ownerId),

    /** Removes uploads that were never published. */
    async dropUploads(olderThanMs: number, jobs: Jobs): Promise<number> {
      return inTransaction(db, async (transaction) => {
        const old = await transaction
          .deleteFrom("upload")
          .where("created_at", "<", sql<Date>`now() - ${olderThanMs} * interval '1 ms'`)
          .returning("id")
          .execute();
        await releaseBlobs(
          transaction,
          jobs,
          old.map(({ id }) => id),
        );
        return old.length;
      });
    },
  };
}

/** Keeps an upload that came in pieces from being cancelled. Error: UPLOAD_NOT_FOUND. */
async function lockResumable(
  on: Queryable<Tables>,
  { id, ownerId }: { id: UploadId; ownerId: UserId },
): Promise<void> {
  const row = await on
    .selectFrom("resumable_upload")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw refusal("UPLOAD_NOT_FOUND");
}

/**
 * What a person keeps, in bytes: the files that they have uploaded, with the size that they came with, until the upload or
 * its post is gone; and those on their way, as announced.
 */
async function storageOf(on: Queryable<Tables>, ownerId: UserId): Promise<number> {
  const { rows } = await sql<{ used: string }>`
    select coalesce(
        (select kept_bytes from video.author_stats where author_id = ${ownerId}), ${keptBytes(ownerId)}
      ) + (
        select coalesce(sum(size_bytes), 0) from video.resumable_upload r
        where owner_id = ${ownerId} and ${isOnItsWay}
      ) as used`.execute(on);
  return Number(rows[0]!.used);
}

/** Whether `r` is neither an upload nor a video: a process that was killed then may have left its partial file's name. */
const isOnItsWay = sql`(r.partial <> ''
  and not exists (select from video.upload u where u.owner_id = r.owner_id and u.id = r.id)
  and not exists (select from video.video v where v.author_id = r.owner_id and v.upload_id = r.id))`;

/** The facts that author_stats.kept_bytes counts. */
const keptBytes = (ownerId: UserId) => sql`(
  select coalesce(sum(bytes), 0)::int8 from (
    select size_bytes as bytes from video.upload where owner_id = ${ownerId}
    union all
    select video.kept_of(state, original_bytes, size_bytes) from video.video where author_id = ${ownerId}
  ) facts)`;

/** Counts what somebody keeps for the first time; their row is locked, so triggers add what comes after. */
async function beginCounting(on: Queryable<Tables>, ownerId: UserId): Promise<void> {
  await sql`
    update video.author_stats set kept_bytes = ${keptBytes(ownerId)}
    where author_id = ${ownerId} and kept_bytes is null`.execute(on);
}

/** Bytes of unpublished files. */
export interface Unpublished {
  /** What their owner keeps in all, published or not. */
  kept: number;
  own: number;
  /** Of uploads alone: a video belongs to its author. */
  ofAddress: number;
  all: number;
  /** How much of all is on the disk. */
  placed: number;
}

/** In a transaction that adds some, with its owner's row locked: one after another, so that no room is given away twice. */
export async function unpublishedInTurn(
  on: Queryable<Tables>,
  ownerId: UserId,
  address: string,
): Promise<Unpublished> {
  await sql`select pg_advisory_xact_lock(hashtextextended('room for uploads', 0))`.execute(on);
  await beginCounting(on, ownerId);
  return { ...(await unpublishedBytes(on, ownerId, address)), kept: await storageOf(on, ownerId) };
}

export async function unpublishedBytes(
  on: Queryable<Tables>,
  ownerId?: UserId,
  address = "",
): Promise<Omit<Unpublished, "kept">> {
  const { rows } = await sql<Record<"own" | "ofAddress" | "all" | "placed", string>>`
    select
      coalesce(sum(size_bytes) filter (where owner_id = ${ownerId ?? null}), 0) as own,
      coalesce(sum(here) filter (where address = ${address} and address <> ''), 0) as "ofAddress",
      coalesce(sum(here), 0) as all,
      coalesce(sum(placed), 0) as placed
    from (
      select owner_id, size_bytes, size_bytes as here, size_bytes as placed, address from video.upload
      union all
      -- What was only announced takes its owner's room, and that of others only while it comes.
      select owner_id, size_bytes,
        case when writer_until > clock_timestamp()
          or touched_at > clock_timestamp() - ${announcedMs} * interval '1 ms'
        then size_bytes else received_bytes end,
        received_bytes, address
      from video.resumable_upload r where ${isOnItsWay}
      union all
      select author_id, size_bytes, size_bytes, size_bytes, '' from video.video where state in ('uploaded', 'processing')
    ) as unpublished`.execute(on);
  const { own, ofAddress, all, placed } = rows[0]!;
  return { own: Number(own), ofAddress: Number(ofAddress), all: Number(all), placed: Number(placed) };
}

export type UploadStore = ReturnType<typeof uploadStore>;
