import { sql } from "kysely";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { Tables, VideoRow } from "./tables.ts";

/** Adds rows for videos that have none. */
export async function addVideos(
  db: Kysely<Tables>,
  videos: { videoId: string; authorId: string }[],
): Promise<void> {
  await sql`
    insert into interaction.video (video_id, author_id)
    select * from unnest(${videos.map((video) => video.videoId)}::int8[], ${videos.map((video) => video.authorId)}::int8[])
    order by 1
    on conflict do nothing`.execute(db);
}

/**
 * Locks these videos until the transaction ends, in the order of ids, so that transactions never deadlock. Reads
 * after this are up to date. Removed videos are left out.
 */
export async function lockVideos(on: Queryable<Tables>, videoIds: string[]): Promise<Map<string, VideoRow>> {
  const rows = await lockRows(on, videoIds).selectAll().execute();
  return new Map(rows.filter((row) => !row.removed).map((row) => [row.video_id, row]));
}

/** The same, if only their existence matters. */
export async function lockVideoIds(on: Queryable<Tables>, videoIds: string[]): Promise<Set<string>> {
  const rows = await lockRows(on, videoIds).select(["video_id", "removed"]).execute();
  return new Set(rows.filter((row) => !row.removed).map((row) => row.video_id));
}

function lockRows(on: Queryable<Tables>, videoIds: string[]) {
  return on
    .selectFrom("video")
    .where("video_id", "=", sql<string>`any(${[...new Set(videoIds)]}::int8[])`)
    .orderBy("video_id")
    .forNoKeyUpdate();
}
