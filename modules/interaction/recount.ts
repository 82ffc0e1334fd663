import { sql } from "kysely";
import type { KeptCount } from "#platform/db/recount.ts";
import { countOfTotals } from "#platform/ranking/ranking-counts.ts";
import { ranked } from "./ranking-store.ts";

export const counts: readonly KeptCount[] = [
  {
    what: "likes of videos",
    kept: sql`select video_id, likes from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.reaction where reaction = 1 group by 1`,
  },
  {
    what: "dislikes of videos",
    kept: sql`select video_id, dislikes from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.reaction where reaction = -1 group by 1`,
  },
  {
    what: "bookmarks of videos",
    kept: sql`select video_id, bookmarks from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.bookmark group by 1`,
  },
  {
    what: "reposts of videos",
    kept: sql`select video_id, reposts from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.repost group by 1`,
  },
  {
    what: "shares of videos",
    kept: sql`select video_id, shares from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.share group by 1`,
  },
  {
    what: "downloads of videos",
    kept: sql`select video_id, downloads from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.download group by 1`,
  },
  countOfTotals("ranked videos", ranked),
  {
    what: "comments on videos",
    kept: sql`select video_id, comments from interaction.video`,
    facts: sql`select video_id, count(*) from interaction.comment group by 1`,
  },
  {
    what: "replies to comments",
    kept: sql`select (video_id, id), replies from interaction.comment where root_id is null`,
    facts: sql`select (video_id, root_id), count(*) from interaction.comment where root_id is not null group by 1`,
  },
  {
    what: "likes received",
    kept: sql`select user_id, likes_received from interaction.person`,
    facts: sql`
      select v.author_id, sum(r.likes) from interaction.video v
      join (select video_id, count(*) as likes from interaction.reaction where reaction = 1 group by 1) r
        on r.video_id = v.video_id
      group by 1`,
  },
  {
    what: "likes given",
    kept: sql`select user_id, likes_given from interaction.person`,
    facts: sql`select user_id, count(*) from interaction.reaction where reaction = 1 group by 1`,
  },
  // Numbers are never reused, so the last number given may be higher than all that remain, but never lower.
  {
    what: "last floor of videos",
    kept: sql`select video_id, last_floor from interaction.video`,
    facts: sql`
      select v.video_id, greatest(v.last_floor, c.last) from interaction.video v
      left join (select video_id, max(floor) as last from interaction.comment where root_id is null group by 1) c
        on c.video_id = v.video_id`,
  },
  {
    what: "last sequence of videos",
    kept: sql`select video_id, last_sequence from interaction.video`,
    facts: sql`
      select v.video_id, greatest(v.last_sequence, c.last) from interaction.video v
      left join (select video_id, max(sequence) as last from interaction.comment group by 1) c
        on c.video_id = v.video_id`,
  },
  {
    what: "last floor of replies",
    kept: sql`select (video_id, id), last_reply_floor from interaction.comment where root_id is null`,
    facts: sql`
      select (c.video_id, c.id), greatest(c.last_reply_floor, r.last) from interaction.comment c
      left join (
        select video_id, root_id, max(floor) as last from interaction.comment where root_id is not null group by 1, 2
      ) r on r.video_id = c.video_id and r.root_id = c.id
      where c.root_id is null`,
  },
];
