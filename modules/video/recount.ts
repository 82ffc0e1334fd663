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
    what: "files of videos",
    kept: sql`
      select v.id, count(*) from video.video v
      join video.blob_use u on u.owner_id = v.id and u.key in (v.play_key, v.cover_key)
      where v.state in ('ready', 'published') group by 1`,
    facts: sql`
      select id, case when play_key = cover_key then 1 else 2 end from video.video
      where state in ('ready', 'published')`,
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
