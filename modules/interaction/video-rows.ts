import { type Selectable, sql } from "kysely";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

export type VideoRow = Selectable<Tables["video"]>;

/** Makes the rows of videos seen for the first time. */
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
 * Holds these videos until the transaction ends, in the order of ids so that two transactions never wait for each
 * other in a circle. What is read about them afterwards is up to date. Removed videos are left out.
 */
export async function holdVideos(
  on: Queryable<Tables>,
  videoIds: Iterable<string>,
): Promise<Map<string, VideoRow>> {
  const rows = await on
    .selectFrom("video")
    .selectAll()
    .where("video_id", "=", sql<string>`any(${[...new Set(videoIds)]}::int8[])`)
    .orderBy("video_id")
    .forNoKeyUpdate()
    .execute();
  return new Map(rows.filter((row) => !row.removed).map((row) => [row.video_id, row]));
}
