import { sql } from "kysely";
import { relationFollowed, relationUnfollowed } from "#contracts/events.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { accountGone } from "#platform/db/people-gone.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Events } from "#platform/events/events.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { followBlocked, followsTooMany, maxFollowing, userNotFound } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** One person's wish to follow or unfollow another. */
export interface Wish {
  followerId: string;
  followeeId: string;
  /** The id of the new follow; absent to unfollow. */
  id: string | undefined;
}

/** How one person stands to another: of `standing`, added up. */
export type Standing = number;
export const standing = { followed: 1, followsBack: 2, blocked: 4, blockedBy: 8 } as const;

const pairKey = (pair: { follower_id: string; followee_id: string }) =>
  `${pair.follower_id} ${pair.followee_id}`;

/** All SQL of the module. */
export function relationStore(db: Kysely<Tables>, events: Events) {
  return {
    /**
     * Carries out many wishes in one transaction, facts, counts and events together; tells for each whether it changed
     * anything, or why it was refused. No two may be about the same pair.
     */
    async apply(wishes: Wish[]): Promise<(boolean | DomainError)[]> {
      return events.transaction(db, async (transaction, emit) => {
        const follows = wishes.filter((wish) => wish.id !== undefined);
        const unfollows = wishes.filter((wish) => wish.id === undefined);
        const { inserted, removed } = await change(transaction, follows, unfollows);
        const refused =
          follows.length > 0 ? await findRefused(transaction, follows) : new Map<string, DomainError>();
        refuseTooMany(inserted, refused);
        await takeBack(
          transaction,
          inserted.filter((pair) => refused.has(pairKey(pair))),
        );
        const added = inserted.filter((pair) => !refused.has(pairKey(pair)));
        for (const { follower_id: followerId, followee_id: followeeId, id: followId } of added) {
          emit(relationFollowed, { followerId, followeeId, followId, atMs: timeOfId(followId) });
        }
        for (const { follower_id: followerId, followee_id: followeeId, id: followId } of removed) {
          emit(relationUnfollowed, { followerId, followeeId, followId, atMs: Date.now() });
        }
        const changed = new Set([...added, ...removed].map(pairKey));
        return wishes.map((wish) => {
          const key = `${wish.followerId} ${wish.followeeId}`;
          return refused.get(key) ?? changed.has(key);
        });
      });
    },
    stats: (userIds: string[]) =>
      db
        .selectFrom("stats")
        .selectAll()
        .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
        .execute(),
    /** Which of these pairs are follows. */
    async follows(pairs: { followerId: string; followeeId: string }[]): Promise<boolean[]> {
      const { rows } = await sql<{ follower_id: string; followee_id: string }>`
        select f.follower_id, f.followee_id
        from unnest(${pairs.map((pair) => pair.followerId)}::int8[], ${pairs.map((pair) => pair.followeeId)}::int8[])
          as p(follower_id, followee_id)
        join relation.follow f on f.follower_id = p.follower_id and f.followee_id = p.followee_id`.execute(
        db,
      );
      const found = new Set(rows.map(pairKey));
      return pairs.map((pair) => found.has(`${pair.followerId} ${pair.followeeId}`));
    },
    /** How these people stand to others: four looks by key for each pair, in one statement. */
    async standings(
      pairs: { userId: string; otherId: string }[],
      { oneWay = false }: { oneWay?: boolean } = {},
    ): Promise<Standing[]> {
      if (pairs.length === 0) return [];
      // Columns of the keys alone, so that the indexes are enough; a null is not looked for, whatever the plan.
      // All in one text, a hexadecimal digit each: rows would cost many times as much to send and read.
      const { rows } = await sql<{ digits: string }>`
        select string_agg(to_hex((f.follower_id is not null)::int + (g.follower_id is not null)::int * 2
          + (b.blocker_id is not null)::int * 4 + (c.blocker_id is not null)::int * 8), '' order by p.i) as digits
        from unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.otherId)}::int8[])
          with ordinality as p(user_id, other_id, i)
        left join relation.follow f on f.follower_id = p.user_id and f.followee_id = p.other_id
        left join relation.follow g on g.follower_id = case when ${oneWay}::bool then null else p.other_id end and g.followee_id = p.user_id
        left join relation.block b on b.blocker_id = p.user_id and b.blocked_id = p.other_id
        left join relation.block c on c.blocker_id = p.other_id and c.blocked_id = p.user_id`.execute(db);
      return Array.from(rows[0]!.digits, (digit) => Number.parseInt(digit, 16));
    },
    following: (userId: string, before: string | undefined, limit: number) =>
      page(db, limit, before).select("followee_id as user_id").where("follower_id", "=", userId).execute(),
    followers: (userId: string, before: string | undefined, limit: number) =>
      page(db, limit, before).select("follower_id as user_id").where("followee_id", "=", userId).execute(),
    friends: (userId: string, before: string | undefined, limit: number) =>
      page(db, limit, before)
        .select("followee_id as user_id")
        .where("follower_id", "=", userId)
        .where((is) =>
          is.exists(
            is
              .selectFrom("follow as back")
              .select("back.id")
              .where("back.follower_id", "=", sql.ref<string>("follow.followee_id"))
              .where("back.followee_id", "=", userId),
          ),
        )
        .execute(),
  };
}

export type RelationStore = ReturnType<typeof relationStore>;

function page(db: Kysely<Tables>, limit: number, before: string | undefined) {
  const rows = db.selectFrom("follow").select("follow.id").orderBy("follow.id", "desc").limit(limit);
  return before ? rows.where("follow.id", "<", before) : rows;
}

interface Pair {
  follower_id: string;
  followee_id: string;
  id: string;
}
/** With how many people the follower follows after it. */
type Counted = Pair & { following: string };

/**
 * Adds and removes follows and counts them, in one statement. In the order of ids, so that two processes never wait
 * for each other in a circle.
 */
async function change(on: Queryable<Tables>, follows: Wish[], unfollows: Wish[]) {
  const { rows } = await sql<Counted & { now: boolean }>`
    with added as (
      insert into relation.follow (follower_id, followee_id, id)
      select * from unnest(${follows.map((wish) => wish.followerId)}::int8[],
        ${follows.map((wish) => wish.followeeId)}::int8[], ${follows.map((wish) => wish.id)}::int8[])
      order by 1, 2
      on conflict do nothing
      returning follower_id, followee_id, id
    ), held as materialized (
      select f.follower_id, f.followee_id from relation.follow f
      join unnest(${unfollows.map((wish) => wish.followerId)}::int8[],
        ${unfollows.map((wish) => wish.followeeId)}::int8[]) as w(follower_id, followee_id)
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

/**
 * Which of these follows a block stands across, and which are of people who are gone; gives the refusals by pair.
 * To be asked when the counts are held, as whoever blocks or removes somebody holds them too: either we see that now,
 * or it will see our follow.
 */
async function findRefused(on: Queryable<Tables>, wishes: Wish[]): Promise<Map<string, DomainError>> {
  const { rows } = await sql<{ follower_id: string; followee_id: string; own: boolean; gone: string | null }>`
    select w.follower_id, w.followee_id, bool_or(b.own) as own, max(b.gone) as gone
    from unnest(${wishes.map((wish) => wish.followerId)}::int8[], ${wishes.map((wish) => wish.followeeId)}::int8[])
      as w(follower_id, followee_id)
    cross join lateral (
      select true as own, null::int8 as gone from relation.block where blocker_id = w.follower_id and blocked_id = w.followee_id
      union all
      select false, null from relation.block where blocker_id = w.followee_id and blocked_id = w.follower_id
      union all
      select false, user_id from relation.stats where user_id in (w.follower_id, w.followee_id) and gone
    ) b
    group by 1, 2`.execute(on);
  return new Map(
    rows.map((row) => {
      if (row.gone === null) return [pairKey(row), followBlocked(row.own)];
      return [pairKey(row), row.gone === row.follower_id ? accountGone() : userNotFound()];
    }),
  );
}

/** Refuses as many of the new follows as are too many; those that are refused already do not count. */
function refuseTooMany(inserted: Counted[], refused: Map<string, DomainError>): void {
  const following = new Map(inserted.map((row) => [row.follower_id, Number(row.following)]));
  const takenBack = ({ follower_id: id }: Pair) => following.set(id, following.get(id)! - 1);
  for (const row of inserted) if (refused.has(pairKey(row))) takenBack(row);
  for (const row of inserted) {
    if (following.get(row.follower_id)! <= maxFollowing || refused.has(pairKey(row))) continue;
    refused.set(pairKey(row), followsTooMany());
    takenBack(row);
  }
}

async function takeBack(on: Queryable<Tables>, pairs: Pair[]): Promise<void> {
  if (pairs.length === 0) return;
  await removeFollows(
    on,
    pairs.map((pair) => ({ followerId: pair.follower_id, followeeId: pair.followee_id })),
  );
  await count(
    on,
    pairs.map((pair) => ({ ...pair, change: -1 })),
  );
}

export async function removeFollows(
  on: Queryable<Tables>,
  wishes: { followerId: string; followeeId: string }[],
) {
  const { rows } = await sql<{ follower_id: string; followee_id: string; id: string }>`
    delete from relation.follow f
    using unnest(${wishes.map((wish) => wish.followerId)}::int8[], ${wishes.map((wish) => wish.followeeId)}::int8[])
      as w(follower_id, followee_id)
    where f.follower_id = w.follower_id and f.followee_id = w.followee_id
    returning f.follower_id, f.followee_id, f.id`.execute(on);
  return rows;
}

/** One upsert for all, in the order of ids so that two processes never wait for each other in a circle. */
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
