import { sql } from "kysely";
import type { KeptCount } from "#platform/db/recount.ts";

const nothing = sql`select null::int8, 0 where false`;

export const counts: readonly KeptCount[] = [
  {
    what: "works of authors",
    kept: sql`select author_id, works from video.author_stats`,
    facts: sql`select author_id, count(*) from video.video 
      where state = 'published' and visibility = 'public' group by 1`,
  },
  {
    what: "bytes that people keep",
    kept: sql`select author_id, kept_bytes from video.author_stats where kept_bytes is not null`,
    facts: sql`
      select s.author_id, sum(f.bytes) from video.author_stats s
      join (
        select owner_id, size_bytes as bytes from video.upload
        union all
        select author_id, video.kept_of(state, original_bytes, size_bytes) from video.video
      ) f on f.owner_id = s.author_id
      where s.kept_bytes is not null group by 1`,
  },
  {
    what: "files of videos",
    kept: sql`
      select v.id, count(*) from video.video v
      join video.blob_use u on u.owner_id = v.id and u.key in (v.play_key, v.cover_key)
      where v.state in ('ready', 'published') group by 1`,
    facts: sql`
      select id, case when play_key in (cover_key, '') then 1 else 2 end from video.video
      where state in ('ready', 'published')`,
  },
  {
    what: "pictures of posts",
    kept: sql`
      select v.id, count(*) from video.video v
      join video.blob_use u on u.owner_id = v.id and u.key like 'post/%'
      where v.state in ('ready', 'published') group by 1`,
    facts: sql`
      select v.id, count(distinct size ->> 'key') from video.video v, jsonb_path_query(v.pictures, '$[*].sizes[*]') size
      where v.state in ('ready', 'published') group by 1`,
  },
  {
    what: "rungs of videos",
    kept: sql`
      select r.video_id, count(*) from video.rendition r
      join video.blob_use u on u.owner_id = r.video_id and u.key = r.key group by 1`,
    facts: sql`select video_id, count(*) from video.rendition group by 1`,
  },
  {
    what: "renditions shown",
    kept: sql`
      select id, jsonb_array_length(renditions) from video.video where renditions <> '[]'`,
    facts: sql`select video_id, count(*) from video.rendition group by 1`,
  },
  {
    what: "storyboards of videos",
    kept: sql`
      select v.id, count(*) from video.video v
      join video.blob_use u on u.owner_id = v.id and u.key = v.storyboard ->> 'key' group by 1`,
    facts: sql`select id, 1 from video.video where storyboard is not null`,
  },
  {
    what: "files held by nobody",
    kept: sql`
      select u.owner_id, count(*) from video.blob_use u
      where not exists (select from video.video v where v.id = u.owner_id)
        and not exists (select from video.upload f where f.id = u.owner_id)
      group by 1`,
    facts: nothing,
  },
];
