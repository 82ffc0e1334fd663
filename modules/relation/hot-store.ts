import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { takeTurn as wait } from "#platform/db/take-turn.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { idAtTime } from "#platform/ids/snowflake.ts";
import { hotMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

export interface FollowRef {
  followerId: string;
  followeeId: string;
  followId: string;
}
export interface HotUser {
  userId: string;
  /** Followers won in the last 24 h who still follow. */
  won: number;
}

const expiryBatch = 2000;
/** Any number: writers of the ranking take this lock. */
const rankingLock = 7_083_812;

/**
 * The ranking by followers won: every follow of the last 24 h with the person it counts for, and the totals. Writers
 * take turns, so that two never deadlock; readers wait for nobody. `now` in Unix milliseconds.
 */
export function hotStore(db: Kysely<Tables>, now: () => number) {
  /** Follows with this id or a later one count. */
  const firstId = () => idAtTime(now() - hotMs + 1).toString();

  /** Removes up to a batch of expired follows; returns how many. */
  const expireSome = (before: string) =>
    inTransaction(db, async (transaction) => {
      await takeTurn(transaction);
      const { rows } = await sql<{ user_id: string }>`
        delete from relation.hot_follow where follow_id = any(array(
          select follow_id from relation.hot_follow where follow_id < ${before}::int8
          order by follow_id limit ${expiryBatch}
        )) returning user_id`.execute(transaction);
      await change(transaction, rows, -1);
      return rows.length;
    });

  return {
    /**
     * Counts new follows that are still among the facts: an event may be handled again long after the follow has
     * ended, and the event of its end comes later than this one.
     */
    async add(on: Transaction<Tables>, follows: FollowRef[]): Promise<void> {
      await takeTurn(on);
      const { rows } = await sql<{ user_id: string }>`
        insert into relation.hot_follow (follow_id, user_id)
        select f.id, f.followee_id
        from unnest(${follows.map((one) => one.followerId)}::int8[], ${follows.map((one) => one.followeeId)}::int8[],
          ${follows.map((one) => one.followId)}::int8[]) as w(follower_id, followee_id, id)
        join relation.follow f
          on f.follower_id = w.follower_id and f.followee_id = w.followee_id and f.id = w.id
        where f.id >= ${firstId()}::int8
        on conflict do nothing returning user_id`.execute(on);
      await change(on, rows, 1);
    },
    /** Subtracts ended follows. One that has expired changes nothing. */
    async remove(on: Transaction<Tables>, follows: FollowRef[]): Promise<void> {
      await takeTurn(on);
      const { rows } = await sql<{ user_id: string }>`
        delete from relation.hot_follow where follow_id = any(${follows.map((one) => one.followId)}::int8[])
        returning user_id`.execute(on);
      await change(on, rows, -1);
    },
    /** Removes all expired follows, in transactions of bounded size. */
    async expire(signal?: AbortSignal): Promise<void> {
      const before = firstId();
      const due =
        await sql`select from relation.hot_follow where follow_id < ${before}::int8 limit 1`.execute(db);
      if (due.rows.length === 0) return;
      while ((await expireSome(before)) === expiryBatch) signal?.throwIfAborted();
    },
    /**
     * The people with the most new followers, highest first. Expired follows that have not been removed yet are
     * subtracted here: a person with such follows appears further down by at most their number.
     */
    async top(limit: number): Promise<HotUser[]> {
      const { rows } = await sql<{ user_id: string; won: string }>`
        with due as materialized (
          select user_id, count(*) as due from relation.hot_follow where follow_id < ${firstId()}::int8 group by user_id
        ), first as (
          select user_id, won from relation.hot_user
          order by won desc, user_id limit ${limit}::int8 + (select count(*) from due)
        )
        select user_id, won - coalesce(due, 0) as won from first left join due using (user_id)
        where won > coalesce(due, 0) order by 2 desc, 1 limit ${limit}::int8`.execute(db);
      return rows.map((row) => ({ userId: row.user_id, won: Number(row.won) }));
    },
    /**
     * Rebuilds the ranking from the follows while the system serves. The facts of an event handled before this are
     * committed, so they are visible here. An event handled after this finds its follow counted already, or gone
     * already, or is the first to tell of a change since.
     */
    async rebuild(on: Transaction<Tables>): Promise<void> {
      await takeTurn(on);
      await setStatementTimeout(on, 600_000);
      await sql`delete from relation.hot_follow`.execute(on);
      await sql`delete from relation.hot_user`.execute(on);
      await sql`
        insert into relation.hot_follow (follow_id, user_id)
        select id, followee_id from relation.follow where id >= ${firstId()}::int8`.execute(on);
      await sql`
        insert into relation.hot_user (user_id, won)
        select user_id, count(*) from relation.hot_follow group by user_id`.execute(on);
    },
  };
}

export type HotStore = ReturnType<typeof hotStore>;

/** Error: RANKING_BUSY, which is transient for a consumer. */
const takeTurn = (on: Queryable<Tables>) => wait(on, rankingLock, () => refusal("RANKING_BUSY"));

/** A person who has won no followers has no row. */
async function change(on: Queryable<Tables>, follows: { user_id: string }[], by: 1 | -1): Promise<void> {
  if (follows.length === 0) return;
  const userIds = follows.map((row) => row.user_id);
  await sql`
    insert into relation.hot_user as h (user_id, won)
    select user_id, count(*) * ${by}::int8 from unnest(${userIds}::int8[]) as w(user_id) group by user_id
    on conflict (user_id) do update set won = h.won + excluded.won`.execute(on);
  if (by === -1) {
    await sql`delete from relation.hot_user where user_id = any(${userIds}::int8[]) and won = 0`.execute(on);
  }
}
