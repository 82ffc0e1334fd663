import type { Pool } from "pg";

/** The lag of a consumer group. */
export interface GroupLag {
  group: string;
  types: string[];
  /** Events of its types that it has neither handled nor parked; counted up to 20,000 in a partition. */
  records: number;
  /** Age of the oldest of them; 0 when there are none. */
  seconds: number;
  deadLetters: number;
  /** Live members, and partitions that none of them holds. */
  members: number;
  orphans: number;
}

/** The lag of all groups, or of the named ones, ordered by name. */
export async function readLag(pool: Pool, groups?: string[]): Promise<GroupLag[]> {
  const { rows } = await pool.query<Omit<GroupLag, "records" | "deadLetters"> & Record<string, unknown>>(
    `select g.group_name as group, g.types, w.records, w.seconds,
       (select count(*) from events.dead d where d.group_name = g.group_name) as dead_letters,
       (select count(*) from events.member m join lease.process p on p.id = m.id
         where m.group_name = g.group_name and p.expires_at > now())::int as members,
       (select count(*) from events.consumer c where c.group_name = g.group_name and not exists (
         select from lease.process p where p.id = c.owner and p.expires_at > now()
       ))::int as orphans
     from events.consumer_group g cross join lateral (
       select coalesce(sum(waiting.records), 0) as records,
         greatest(0, coalesce(max(extract(epoch from now() - waiting.oldest)), 0))::float8 as seconds
       from events.consumer c cross join lateral (
         select count(*) as records, min(at) as oldest from (
           select at from events.log l
           where l.partition = c.partition and l.position > c.position and l.type = any(g.types)
           order by l.position limit 20000
         ) unread
       ) waiting where c.group_name = g.group_name and c.origin = events.own_origin()
     ) w
     where $1::text[] is null or g.group_name = any($1) order by 1`,
    [groups ?? null],
  );
  return rows.map(({ records, dead_letters, ...row }) => ({
    ...row,
    records: Number(records),
    deadLetters: Number(dead_letters),
  }));
}
