import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** Relationships between people, and how many each follows and is followed by. */
export function relationshipStore(db: Kysely<Tables>) {
  return {
    stats: (userIds: string[]) =>
      db
        .selectFrom("stats")
        .selectAll()
        .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
        .execute(),
    /**
     * The relationships of these pairs, each a sum of Relationship: four lookups by key for each pair, in one
     * statement.
     */
    async relationships(
      pairs: { userId: string; otherId: string }[],
      { oneWay = false }: { oneWay?: boolean } = {},
    ): Promise<number[]> {
      if (pairs.length === 0) return [];
      // Only key columns, so that index-only scans suffice; nulls are skipped in every plan. All in one text, one
      // hexadecimal digit each: rows cost many times as much to send and read.
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
    /** Those of these people who block nobody. */
    async peaceful(userIds: string[]): Promise<string[]> {
      const { rows } = await sql<{ ids: string[] }>`
        select coalesce(array_agg(id), '{}') as ids from unnest(${userIds}::int8[]) as u(id)
        where not exists (select from relation.block b where b.blocker_id = u.id)`.execute(db);
      return rows[0]!.ids;
    },
  };
}

export type RelationshipStore = ReturnType<typeof relationshipStore>;
