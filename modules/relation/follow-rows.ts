import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** One person follows or unfollows another. */
export interface FollowCommand {
  followerId: string;
  followeeId: string;
  /** The id of the new follow; absent to unfollow. */
  id: string | undefined;
  traceId?: string;
}

export interface Pair {
  follower_id: string;
  followee_id: string;
  id: string;
}

/** How many people the follower follows after it. */
export type Counted = Pair & { following: string };

export const pairKey = (pair: { follower_id: string; followee_id: string }) =>
  `${pair.follower_id} ${pair.followee_id}`;

/**
 * Adds and removes follows and counts them, in one statement, in the order of ids, so that two processes never
 * deadlock.
 */
export async function changeFollows(
  on: Queryable<Tables>,
  follows: FollowCommand[],
  unfollows: FollowCommand[],
) {
  const { rows } = await sql<Counted & { now: boolean }>`
    with added as (
      insert into relation.follow (follower_id, followee_id, id)
      select * from unnest(${follows.map((command) => command.followerId)}::int8[],
        ${follows.map((command) => command.followeeId)}::int8[], ${follows.map((command) => command.id)}::int8[])
      order by 1, 2
      on conflict do nothing
      returning follower_id, followee_id, id
    ), held as materialized (
      select f.follower_id, f.followee_id from relation.follow f
      join unnest(${unfollows.map((command) => command.followerId)}::int8[],
        ${unfollows.map((command) => command.followeeId)}::int8[]) as w(follower_id, followee_id)
        on f.follower_id = w.follower_id and f.followee_id = w.followee_id
      order by 1, 2 for update of f
    ), removed as (
      delete from relation.follow f using held h
      where f.follower_id = h.follower_id and f.followee_id = h.followee_id
      returning f.follower_id, f.followee_id, f.id
    ), changed as (
      select *, true as now from added union all select *, false from removed
    ), counted as (
      insert into relation.stats as s (user_id, following, followers)
      select user_id, sum(following), sum(followers) from (
        select follower_id as user_id, case when now then 1 else -1 end as following, 0 as followers from changed
        union all
        select followee_id, 0, case when now then 1 else -1 end from changed
      ) counts
      group by user_id order by user_id
      on conflict (user_id) do update
        set following = s.following + excluded.following, followers = s.followers + excluded.followers
      returning user_id, following
    )
    select changed.*, counted.following from changed join counted on user_id = follower_id`.execute(on);
  return { inserted: rows.filter((row) => row.now), removed: rows.filter((row) => !row.now) };
}

export async function removeFollows(
  on: Queryable<Tables>,
  commands: { followerId: string; followeeId: string }[],
) {
  const { rows } = await sql<{ follower_id: string; followee_id: string; id: string }>`
    delete from relation.follow f
    using unnest(${commands.map((command) => command.followerId)}::int8[], ${commands.map((command) => command.followeeId)}::int8[])
      as w(follower_id, followee_id)
    where f.follower_id = w.follower_id and f.followee_id = w.followee_id
    returning f.follower_id, f.followee_id, f.id`.execute(on);
  return rows;
}

/** One upsert for all, in the order of ids, so that two processes never deadlock. */
export async function count(
  on: Queryable<Tables>,
  pairs: { follower_id: string; followee_id: string; change: number }[],
) {
  if (pairs.length === 0) return;
  await sql`
    insert into relation.stats as s (user_id, following, followers)
    select user_id, sum(following), sum(followers)
    from (
      select follower_id as user_id, change as following, 0 as followers
      from unnest(${pairs.map((pair) => pair.follower_id)}::int8[], ${pairs.map((pair) => pair.change)}::int[]) as a(follower_id, change)
      union all
      select followee_id, 0, change
      from unnest(${pairs.map((pair) => pair.followee_id)}::int8[], ${pairs.map((pair) => pair.change)}::int[]) as b(followee_id, change)
    ) changes
    group by user_id order by user_id
    on conflict (user_id) do update
      set following = s.following + excluded.following, followers = s.followers + excluded.followers`.execute(
    on,
  );
}
