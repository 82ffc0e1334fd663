import { type Selectable, sql } from "kysely";
import type { UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { listed } from "./rules.ts";
import type { Tables } from "./tables.ts";

export type VideoRow = Selectable<Tables["video"]>;
/** The public columns of a video, without what only the pipeline needs, which is most of a row. */
export type ShownVideo = Omit<
  VideoRow,
  "info" | "loudness" | "source_key" | "upload_id" | "replaced" | "original_bytes" | "moderated"
>;

const shown = [
  ...(["id", "author_id", "title", "state", "progress", "failure_reason", "failure_message"] as const),
  ...(["play_key", "cover_key", "duration_ms", "width", "height", "size_bytes"] as const),
  ...(["created_at", "published_ms", "held", "notices", "description", "mentions", "edited_at"] as const),
  ...(["visibility", "wished_visibility", "reach", "download_allowed", "draft", "publish_at_ms"] as const),
  ...(["thumb_hash", "ladder", "ladder_rungs", "renditions", "storyboard", "cover_times_ms"] as const),
  ...(["pictures", "steps"] as const),
] satisfies (keyof ShownVideo)[];

/** A video's place in feeds. */
const placed = ["id", "published_ms", "author_id", "visibility"] as const;

const unpublishedMs = sql.raw("9223372036854775807");
/** The place in the list of an author's: an index has it. */
const placeOfAuthors = sql<string>`coalesce(published_ms, ${unpublishedMs})`;

/** Whether the video `v` shows the blob `asked.key`, to those who play what was replaced too (shown-files.ts). */
const showsAsked = sql<boolean>`(
  asked.key in (v.play_key, v.cover_key, v.storyboard ->> 'key')
  or exists (select from video.rendition r where r.video_id = v.id and r.key = asked.key)
  or v.replaced @> jsonb_build_array(jsonb_build_object('key', asked.key))
  or v.pictures @> jsonb_build_array(jsonb_build_object('sizes', jsonb_build_array(jsonb_build_object('key', asked.key))))
)`;

/** The SQL of reading videos. */
export function videoLists(db: Kysely<Tables>) {
  return {
    videosById: (ids: string[]): Promise<ShownVideo[]> =>
      db.selectFrom("video").select(shown).where("id", "=", sql<string>`any(${ids}::int8[])`).execute(),
    renditionsOf: (id: string) =>
      db.selectFrom("rendition").selectAll().where("video_id", "=", id).orderBy("short_side").execute(),
    /**
     * What is not published first, the newest upload before the others, then by the time of publication: as the author
     * sees them, or as friends or all others do.
     */
    listByAuthor(
      authorId: UserId,
      page: {
        before?: { id: string; publishedMs: number | undefined };
        limit: number;
        everyState: boolean;
        for?: "friends" | "all";
      },
    ) {
      let videos = db.selectFrom("video").select(shown).where("author_id", "=", authorId);
      if (page.before) {
        const { id, publishedMs } = page.before;
        const place =
          publishedMs === undefined
            ? sql`(select ${placeOfAuthors} from video.video where id = ${id}::int8)`
            : sql`coalesce(nullif(${publishedMs}::int8, 0), ${unpublishedMs})`;
        // One that is gone leaves the start of what is published.
        videos = videos.where(
          sql<boolean>`(${placeOfAuthors}, id) < (coalesce(${place}, ${unpublishedMs}), ${id}::int8)`,
        );
      }
      if (!page.everyState) videos = videos.where("state", "=", "published");
      if (page.for === "friends") videos = videos.where("visibility", "in", listed);
      if (page.for === "all") videos = videos.where("visibility", "=", "public");
      return videos.orderBy(placeOfAuthors, "desc").orderBy("id", "desc").limit(page.limit).execute();
    },
    listPublished(before: { ms: number; id: string } | undefined, limit: number, withFriends = false) {
      let videos = db.selectFrom("video").select(placed).where("state", "=", "published");
      // Said so that the planner knows the index of public ones.
      videos = withFriends
        ? videos.where("visibility", "in", listed)
        : videos.where("visibility", "=", sql.lit("public"));
      if (before) {
        videos = videos.where(sql<boolean>`(published_ms, id) < (${before.ms}::int8, ${before.id}::int8)`);
      }
      return videos.orderBy("published_ms", "desc").orderBy("id", "desc").limit(limit).execute();
    },
    findPublished: (ids: string[]) =>
      db
        .selectFrom("video")
        .select(placed)
        .where("id", "=", sql<string>`any(${ids}::int8[])`)
        .where("state", "=", "published")
        .where("visibility", "in", listed)
        .execute(),
    /** Those of these blobs that a public video shows. */
    async openBlobs(keys: string[]): Promise<string[]> {
      const { rows } = await sql<{ key: string }>`
        select key from unnest(${keys}::text[]) as asked(key)
        where exists (
          select from video.blob_use u join video.video v on v.id = u.owner_id
          where u.key = asked.key and v.state = 'published' and v.visibility = 'public' and ${showsAsked}
        )`.execute(db);
      return rows.map(({ key }) => key);
    },
    async blobsShownBy(id: string, keys: string[]): Promise<string[]> {
      const { rows } = await sql<{ key: string }>`
        select key from video.video v, unnest(${keys}::text[]) as asked(key)
        where v.id = ${id}::int8 and ${showsAsked}`.execute(db);
      return rows.map(({ key }) => key);
    },
    works: (authorIds: string[]) =>
      db
        .selectFrom("author_stats")
        .selectAll()
        .where("author_id", "=", sql<string>`any(${authorIds}::int8[])`)
        .execute(),
  };
}
