import pg from "pg";
import { answerQuestions } from "../worker.ts";

export interface FetchedPages {
  url: string;
  userIds: string[];
  /** Videos per page. */
  limit: number;
}

/** This many callers' pages are fetched together, over at least as many connections as the machine has cores. */
const callersAtOnce = 64;
const batchesAtOnce = 2;
let pool: pg.Pool | undefined;

/**
 * Pages of the following feed per second, as the rows that they show: inbox, relationships, videos with their counts,
 * and people. Of one database, without any boundaries between modules.
 */
answerQuestions(async ({ url, userIds, limit }: FetchedPages): Promise<number> => {
  pool ??= new pg.Pool({ connectionString: url, max: batchesAtOnce });
  const batches = Array.from({ length: Math.ceil(userIds.length / callersAtOnce) }, (_, i) =>
    userIds.slice(i * callersAtOnce, (i + 1) * callersAtOnce),
  );
  const startedMs = performance.now();
  const rest = batches.values();
  const loop = async () => {
    for (const batch of rest) await fetchPages(pool!, batch, limit);
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, loop));
  return (userIds.length / (performance.now() - startedMs)) * 1000;
});

async function fetchPages(on: pg.Pool, userIds: string[], limit: number): Promise<void> {
  const entries = await on.query<{ video_id: string; author_id: string }>({
    name: "entries",
    text: `
      select q.user_id, e.video_id, e.author_id, r.reaction, b.blocker_id is not null as blocks,
        c.blocker_id is not null as blocked, g.follower_id is not null as follows_back
      from unnest($1::int8[]) as q(user_id)
      cross join lateral (
        select * from (
          (
            select video_id, author_id, published_ms from feed.inbox where user_id = q.user_id
            order by published_ms desc, video_id desc limit $2::int
          ) union all (
            select v.video_id, v.author_id, v.published_ms from feed.pull p
            cross join lateral (
              select * from feed.author_video v where v.author_id = p.author_id and not v.pushed
              order by v.published_ms desc, v.video_id desc limit $2::int
            ) v where p.user_id = q.user_id
          )
        ) e order by e.published_ms desc, e.video_id desc limit $2::int
      ) e
      join relation.follow f on f.follower_id = q.user_id and f.followee_id = e.author_id
      left join relation.follow g on g.follower_id = e.author_id and g.followee_id = q.user_id
      left join relation.block b on b.blocker_id = q.user_id and b.blocked_id = e.author_id
      left join relation.block c on c.blocker_id = e.author_id and c.blocked_id = q.user_id
      left join interaction.reaction r on r.video_id = e.video_id and r.user_id = q.user_id`,
    values: [userIds, limit + 1],
  });
  if (entries.rows.length < userIds.length * limit) throw new Error("these pages are not full");
  const ids = (column: "video_id" | "author_id") => [...new Set(entries.rows.map((row) => row[column]))];
  await Promise.all([
    on.query({
      name: "videos",
      text: `
        select v.id, v.author_id, v.title, v.play_key, v.cover_key, v.duration_ms, v.width, v.height, v.published_ms,
          s.likes, s.dislikes, s.comments
        from video.video v left join interaction.video s on s.video_id = v.id where v.id = any($1::int8[])`,
      values: [ids("video_id")],
    }),
    on.query({
      name: "people",
      text: `
        select a.id, a.username, a.name, a.signature, a.avatar_key, a.background_key, w.works, s.following, s.followers,
          p.likes_received, p.likes_given
        from "user".account a left join video.author_stats w on w.author_id = a.id
        left join relation.stats s on s.user_id = a.id left join interaction.person p on p.user_id = a.id
        where a.id = any($1::int8[])`,
      values: [ids("author_id")],
    }),
  ]);
}
