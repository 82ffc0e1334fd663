import { type Selectable, sql } from "kysely";
import type { UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

export type VideoRow = Selectable<Tables["video"]>;
/** The public columns of a video, without what only the pipeline needs, which is most of a row. */
export type ShownVideo = Omit<VideoRow, "info" | "source_key" | "upload_id">;

const shown = [
  ...(["id", "author_id", "title", "state", "progress", "failure_reason", "failure_message"] as const),
  ...(["play_key", "cover_key", "duration_ms", "width", "height", "size_bytes"] as const),
  ...(["created_at", "published_ms", "held", "notices"] as const),
  ...(["thumb_hash", "ladder", "ladder_rungs", "renditions"] as const),
] satisfies (keyof ShownVideo)[];

/** The SQL of reading videos. */
export function videoLists(db: Kysely<Tables>) {
  return {
    videosById: (ids: string[]): Promise<ShownVideo[]> =>
      db.selectFrom("video").select(shown).where("id", "=", sql<string>`any(${ids}::int8[])`).execute(),
    renditionsOf: (id: string) =>
      db.selectFrom("rendition").selectAll().where("video_id", "=", id).orderBy("short_side").execute(),
    listByAuthor(authorId: UserId, page: { beforeId?: string; limit: number; everyState: boolean }) {
      let videos = db.selectFrom("video").select(shown).where("author_id", "=", authorId);
      if (page.beforeId) videos = videos.where("id", "<", page.beforeId);
      if (!page.everyState) videos = videos.where("state", "=", "published");
      return videos.orderBy("id", "desc").limit(page.limit).execute();
    },
    listPublished(before: { ms: number; id: string } | undefined, limit: number) {
      let videos = db.selectFrom("video").select(["id", "published_ms"]).where("state", "=", "published");
      if (before) {
        videos = videos.where(sql<boolean>`(published_ms, id) < (${before.ms}::int8, ${before.id}::int8)`);
      }
      return videos.orderBy("published_ms", "desc").orderBy("id", "desc").limit(limit).execute();
    },
    works: (authorIds: string[]) =>
      db
        .selectFrom("author_stats")
        .selectAll()
        .where("author_id", "=", sql<string>`any(${authorIds}::int8[])`)
        .execute(),
  };
}
