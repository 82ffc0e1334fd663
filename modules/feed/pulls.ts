import { sql } from "kysely";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import type { ReaderOfAuthor } from "./inbox-rows.ts";
import type { Tables } from "./tables.ts";

/** The pull numbers that a reader has not looked at yet: those after `seen`, up to `latest`. */
export interface UnseenPulls {
  /** The reader has a row for each followed author with a number up to this one. */
  seen: string;
  /** The last pull number in use. */
  latest: string;
}

/**
 * Which authors readers pull from. An author gets the next pull number with the first video that is not delivered. A
 * reader has a row for each such author they follow, and looks only at the numbers added since their last read. So
 * authors the reader does not follow cost a read nothing, and no author costs a write for each follower.
 */
export function pullStore(db: Kysely<Tables>) {
  return {
    /** Of those of these readers who have an inbox and have not looked at all numbers. */
    async unseenPulls(userIds: string[]): Promise<Map<string, UnseenPulls>> {
      const { rows } = await sql<{ user_id: string; pulls_seen: string; latest: string }>`
        select r.user_id, r.pulls_seen, c.value as latest
        from feed.reader r, feed.pull_clock c
        where r.user_id = any(${userIds}::int8[]) and r.pulls_seen < c.value`.execute(db);
      return new Map(rows.map((row) => [row.user_id, { seen: row.pulls_seen, latest: row.latest }]));
    },
    /** Authors who got a number after `seen`, up to `latest`. */
    async newlyPulled({ seen, latest }: UnseenPulls): Promise<string[]> {
      const { rows } = await sql<{ author_id: string }>`
        select author_id from feed.author where pull_number > ${seen}::int8 and pull_number <= ${latest}::int8`.execute(
        db,
      );
      return rows.map((row) => row.author_id);
    },
    /** Records that a reader follows these of the authors with a number up to `latest`. */
    async recordPulls(userId: string, latest: string, authorIds: string[]): Promise<void> {
      await sql`
        with reader as (
          update feed.reader set pulls_seen = greatest(pulls_seen, ${latest}::int8)
          where user_id = ${userId} and not gone returning user_id
        )
        insert into feed.pull (user_id, author_id)
        select user_id, author_id from reader, unnest(${authorIds}::int8[]) as a(author_id)
        on conflict do nothing`.execute(db);
    },
  };
}

/** Makes readers pull from those of these newly followed authors who have a number. */
export async function addPulls(on: Queryable<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
  await sql`
    insert into feed.pull (user_id, author_id)
    select r.user_id, a.author_id
    from unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.authorId)}::int8[])
      as p(user_id, author_id)
    join feed.author a on a.author_id = p.author_id and a.pull_number is not null
    join feed.reader r on r.user_id = p.user_id and not r.gone
    on conflict do nothing`.execute(on);
}

/** Gives a number to those of these authors who have none. */
export async function numberAuthors(on: Transaction<Tables>, authorIds: string[]): Promise<void> {
  await sql`
    with missing as (
      select author_id from unnest(${authorIds}::int8[]) as p(author_id)
      where not exists (select from feed.author a where a.author_id = p.author_id and a.pull_number is not null)
    ), clock as (
      update feed.pull_clock set value = value + 1 where exists (select from missing) returning value
    )
    insert into feed.author as a (author_id, large, pull_number)
    select distinct author_id, true, value from missing, clock order by author_id
    on conflict (author_id) do update set pull_number = coalesce(a.pull_number, excluded.pull_number)`.execute(
    on,
  );
}
