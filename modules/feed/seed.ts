import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import type { Progress } from "#platform/module/module.ts";
import {
  inRanges,
  type SyntheticGraph,
  syntheticUserBase,
  syntheticVideoBase,
} from "#platform/module/synthetic-graph.ts";
import type { Tables } from "./tables.ts";

/** What the video module's share publishes; inboxes are filled from it when their owners first read. */
export async function seedAuthorVideos(
  db: Kysely<Tables>,
  graph: SyntheticGraph,
  progress: Progress,
): Promise<void> {
  const authors = Math.max(1, graph.users);
  await inRanges(
    graph.videos,
    50_000,
    (from, to) =>
      sql`
        insert into feed.author_video (author_id, published_ms, video_id, pushed)
        select ${syntheticUserBase}::int8 + 1 + n % ${authors}::int, ${graph.newestMs}::int8 - (${graph.videos}::int8 - n) * 1000,
          ${syntheticVideoBase}::int8 + n, true
        from generate_series(${from}::int, ${to}::int) n
        on conflict do nothing`.execute(db),
    (done) => progress("feeds", done, graph.videos),
  );
}
