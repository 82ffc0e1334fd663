import { sql } from "kysely";
import { inRanges, type SyntheticGraph, syntheticUserBase } from "#contracts/synthetic-graph.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import type { Progress } from "#platform/module/module.ts";
import type { Tables } from "./tables.ts";

const rangeSize = 500_000;

/**
 * Everybody follows about equally many people. Person n is followed in proportion to 1/sqrt(n), so that a few have
 * very many followers, as in real life. The same numbers give the same graph. One transaction, since the table has no
 * indexes meanwhile: building them afterwards takes a fraction of the time.
 */
export async function seedFollows(
  db: Kysely<Tables>,
  graph: SyntheticGraph,
  progress: Progress,
): Promise<void> {
  if (graph.users < 2 || graph.follows === 0) return;
  await db.transaction().execute(async (transaction) => {
    // With millions of rows these take longer than any request may.
    await setStatementTimeout(transaction, 0);
    await sql`set local work_mem = '128MB'`.execute(transaction);
    await sql`set local maintenance_work_mem = '256MB'`.execute(transaction);
    const indexes = await dropIndexes(transaction);
    await addFollows(transaction, graph, (done) => progress("follows", done, graph.follows));
    for (const [i, definition] of indexes.entries()) {
      progress("indexes", i, indexes.length + 1);
      await sql.raw(definition).execute(transaction);
    }
    progress("indexes", indexes.length, indexes.length + 1);
    await countFollows(transaction);
    progress("indexes", indexes.length + 1, indexes.length + 1);
  });
}

/** Drops the indexes that only make reading fast, and returns how to create them again; the primary key stays. */
async function dropIndexes(on: Transaction<Tables>): Promise<string[]> {
  const { rows } = await sql<{ name: string; definition: string }>`
    select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i where i.indrelid = 'relation.follow'::regclass and not i.indisunique`.execute(on);
  for (const { name } of rows) await sql.raw(`drop index ${name}`).execute(on);
  return rows.map((row) => row.definition);
}

/** One follower after the other, in the order of the primary key. */
async function addFollows(
  on: Transaction<Tables>,
  { follows, users }: SyntheticGraph,
  done: (count: number) => void,
): Promise<void> {
  const base = syntheticUserBase;
  const add = (from: number, to: number) =>
    sql`
      insert into relation.follow (follower_id, followee_id, id)
      select ${base}::int8 + follower, ${base}::int8 + followee, ${base}::int8 + n
      from (
        select n, 1 + (n - 1) * ${users}::int8 / ${follows}::int8 as follower,
          1 + floor(power(((hashint8(n)::int8 + 2147483648) / 4294967296.0::float8), 2) * ${users}::int)::int as followee
        from generate_series(${from}::int8, ${to}::int8) n
      ) pairs
      where follower <> followee
      order by follower, followee
      on conflict do nothing`.execute(on);
  await inRanges(follows, rangeSize, add, done);
}

async function countFollows(on: Transaction<Tables>): Promise<void> {
  await sql`
    insert into relation.stats (user_id, following, followers)
    select user_id, sum(following), sum(followers) from (
      select follower_id as user_id, count(*) as following, 0 as followers from relation.follow group by 1
      union all
      select followee_id, 0, count(*) from relation.follow group by 1
    ) counts group by user_id
    on conflict (user_id) do update set following = excluded.following, followers = excluded.followers`.execute(
    on,
  );
}
