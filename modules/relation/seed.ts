import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import type { Progress } from "#platform/module/module.ts";
import { inRanges, type SyntheticGraph, syntheticUserBase } from "#platform/module/synthetic-graph.ts";
import type { Tables } from "./tables.ts";

/**
 * Everybody follows equally many; whom, is skewed as in life: person n is followed about in proportion to
 * 1/sqrt(n), so that a few have very many followers. Same numbers, same graph.
 */
export async function seedFollows(
  db: Kysely<Tables>,
  graph: SyntheticGraph,
  progress: Progress,
): Promise<void> {
  if (graph.users < 2 || graph.follows === 0) return;
  const base = syntheticUserBase;
  await inRanges(
    graph.follows,
    200_000,
    (from, to) =>
      sql`
        insert into relation.follow (follower_id, followee_id, id)
        select ${base}::int8 + follower, ${base}::int8 + followee, ${base}::int8 + n
        from (
          select n, 1 + n % ${graph.users}::int as follower,
            1 + floor(power(((hashint8(n)::int8 + 2147483648) / 4294967296.0), 2) * ${graph.users}::int)::int as followee
          from generate_series(${from}::int, ${to}::int) n
        ) pairs
        where follower <> followee
        on conflict do nothing`.execute(db),
    (done) => progress("follows", done, graph.follows),
  );
  await sql`
    insert into relation.stats (user_id, following, followers)
    select user_id, sum(following), sum(followers) from (
      select follower_id as user_id, count(*) as following, 0 as followers from relation.follow group by 1
      union all
      select followee_id, 0, count(*) from relation.follow group by 1
    ) counts group by user_id
    on conflict (user_id) do update set following = excluded.following, followers = excluded.followers`.execute(
    db,
  );
}
