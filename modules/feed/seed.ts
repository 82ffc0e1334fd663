import { sql } from "kysely";
import { inRanges, type SyntheticGraph, syntheticVideos } from "#contracts/synthetic-graph.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Progress } from "#platform/module/module.ts";
import type { Tables } from "./tables.ts";

/** Records what the video module's seed publishes. Inboxes are filled from it when their owners first read. */
export async function seedAuthorVideos(
  db: Kysely<Tables>,
  graph: SyntheticGraph,
  progress: Progress,
): Promise<void> {
  await inRanges(
    graph.videos,
    50_000,
    (from, to) =>
      sql`
        insert into feed.author_video (author_id, published_ms, video_id, pushed)
        select author_id, published_ms, id, true from ${syntheticVideos(graph, from, to)} made
        on conflict do nothing`.execute(db),
    (done) => progress("feeds", done, graph.videos),
  );
}
