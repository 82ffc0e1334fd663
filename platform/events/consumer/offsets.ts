import type { Pool } from "pg";
import { partitionCount } from "../partitions.ts";

/** Stores the types that a group reads and, when it is new, where it begins. */
export async function registerGroup(
  pool: Pool,
  group: string,
  types: string[],
  from: "start" | "end",
): Promise<void> {
  await pool.query(
    `insert into events.consumer_group (group_name, types) values ($1, $2)
     on conflict (group_name) do update set types = excluded.types`,
    [group, types],
  );
  await pool.query(
    `insert into events.consumer (group_name, partition, position)
     select $1, partition, h.position
     from (select case when $2 = 'end' then events.horizon() else 0 end as position offset 0) h,
       generate_series(0, $3 - 1) partition
     on conflict do nothing`,
    [group, from, partitionCount],
  );
}

/** Whether there are events that a group has neither handled nor parked. */
export async function isBehind(pool: Pool, group: string, types: string[]): Promise<boolean> {
  const { rows } = await pool.query<{ behind: boolean }>(
    `select count(*) < $3 or bool_or(exists (
       select from events.log l
       where l.partition = c.partition and l.position > c.position and l.type = any($2::text[])
     )) as behind
     from events.consumer c where c.group_name = $1`,
    [group, types, partitionCount],
  );
  return rows[0]!.behind;
}
