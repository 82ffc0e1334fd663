import { sql } from "kysely";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type Kysely, traceOf } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { lockAuthor } from "./author-rows.ts";
import { isPicture } from "./present-upload.ts";
import { schedulePublication } from "./publication.ts";
import { checkPublishAt } from "./rules.ts";
import type { StoredPicture, Tables } from "./tables.ts";
import type { VideoRow } from "./video-lists.ts";

/** What one large picture takes to be made in three sizes. */
const expectedMsPerPicture = 2_000;

export interface PicturePost
  extends Pick<VideoRow, "title" | "description" | "mentions" | "visibility" | "download_allowed"> {
  id: VideoId;
  draft?: boolean;
  publishAtMs?: number;
  authorId: UserId;
  /** In their order, each once. */
  pictures: { uploadId: UploadId; alt: string }[];
}

/** The SQL of posts of pictures, until the pipeline has them. */
export function picturePostStore(db: Kysely<Tables>) {
  return {
    /**
     * Turns uploads into a post with its first job, once; undefined if there are neither the uploads nor a post that
     * begins with one of them. Errors: UPLOAD_NOT_FOUND, NOT_A_PICTURE.
     */
    async publish(post: PicturePost, jobs: Jobs): Promise<VideoRow | undefined> {
      return inTransaction(db, async (transaction) => {
        const wanted = post.pictures.map(({ uploadId }) => uploadId);
        const uploads = await transaction
          .deleteFrom("upload")
          .where("owner_id", "=", post.authorId)
          .where("id", "=", sql<string>`any(${wanted}::int8[])`)
          .returningAll()
          .execute();
        if (uploads.length === 0)
          return (
            transaction
              .selectFrom("video")
              .selectAll()
              .where("author_id", "=", post.authorId)
              // Also if it is asked for again in another order: it stays as it was published.
              .where("upload_id", "in", wanted)
              .where(sql<boolean>`jsonb_array_length(pictures) = ${wanted.length}`)
              .orderBy(sql`array_position(${wanted}::int8[], upload_id)`)
              .executeTakeFirst()
          );
        const byId = new Map(uploads.map((upload) => [upload.id, upload]));
        const pictures = post.pictures.map(
          ({ uploadId, alt }): StoredPicture & Required<Pick<StoredPicture, "source">> => {
            const upload = byId.get(uploadId);
            if (!upload) throw refusal("UPLOAD_NOT_FOUND");
            const { info } = upload;
            if (!isPicture(info)) throw refusal("NOT_A_PICTURE");
            const { width, height } = info;
            return {
              ...{ alt, width, height, thumbHash: "", sizes: [] },
              bytes: { original: Number(upload.size_bytes), shown: 0 },
              source: { key: upload.source_key, info },
            };
          },
        );
        await lockAuthor(transaction, post.authorId);
        // The same file may be there twice.
        await sql`
          with released as (delete from video.blob_use where owner_id = any(${wanted}::int8[]) returning key)
          insert into video.blob_use (key, owner_id) select distinct key, ${post.id}::int8 from released`.execute(
          transaction,
        );
        await jobs.add(transaction, "pictures", post.id, {
          traceId: traceOf(db),
          owner: post.authorId,
          expectedMs: pictures.length * expectedMsPerPicture,
        });
        const [first] = pictures;
        const { id, authorId, title, description, mentions, visibility, download_allowed } = post;
        // Not of a repeated request, which may come when that time is over.
        const publishAtMs = checkPublishAt(post.publishAtMs ?? 0);
        await schedulePublication(transaction, jobs, { id, publishAtMs, traceId: traceOf(db) });
        return transaction
          .insertInto("video")
          .values({
            ...{ id, title, description, visibility, download_allowed },
            draft: post.draft,
            publish_at_ms: publishAtMs,
            author_id: authorId,
            upload_id: wanted[0]!,
            mentions: JSON.stringify(mentions),
            state: "uploaded",
            source_key: first!.source.key,
            duration_ms: 0,
            width: first!.width,
            height: first!.height,
            size_bytes: uploads.reduce((sum, { size_bytes }) => sum + Number(size_bytes), 0),
            info: JSON.stringify(first!.source.info),
            pictures: JSON.stringify(pictures),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      });
    },
  };
}

export type PicturePostStore = ReturnType<typeof picturePostStore>;
