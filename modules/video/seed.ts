import { sql } from "kysely";
import { inRanges, type SyntheticGraph, syntheticVideos } from "#contracts/synthetic-graph.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Progress } from "#platform/module/module.ts";
import type { Tables } from "./tables.ts";

/** One video for each second into the past, by people in turn, each with one of the real clips. */
export async function seedVideos(
  db: Kysely<Tables>,
  graph: SyntheticGraph,
  progress: Progress,
): Promise<void> {
  await inRanges(
    graph.videos,
    20_000,
    (from, to) =>
      sql`
        with clip as (
          select *, row_number() over (order by id) - 1 as i
          from video.video where id = any(${graph.clipIds}::int8[])
        ), added as (
          insert into video.video (id, author_id, upload_id, title, state, progress, source_key, play_key,
            cover_key, duration_ms, width, height, size_bytes, info, published_ms)
          select made.id, made.author_id, made.id, 'Clip ' || n, 'published', 1, clip.source_key, clip.play_key,
            clip.cover_key, clip.duration_ms, clip.width, clip.height, clip.size_bytes, clip.info, made.published_ms
          from ${syntheticVideos(graph, from, to)} made
          join clip on clip.i = n % ${graph.clipIds.length}::int
          on conflict do nothing
          returning id, author_id, play_key, cover_key
        ), used as (
          insert into video.blob_use (key, owner_id)
          select play_key, id from added union all select cover_key, id from added
        )
        insert into video.author_stats as stats (author_id, works)
        select author_id, count(*) from added group by author_id
        on conflict (author_id) do update set works = stats.works + excluded.works`.execute(db),
    (done) => progress("videos", done, graph.videos),
  );
}
