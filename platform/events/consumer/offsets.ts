import type { Pool, PoolClient } from "pg";
import type { Partition } from "../partitions.ts";

/** Stands for the end of a log in another database, which a member that reads it puts in its place. */
export const atEnd = -1;

/** The offset of a group in one partition of an origin. */
export interface Offset {
  partition: number;
  position: number;
}

/** Stores the types that a group reads. */
export async function registerGroup(pool: Pool, group: string, types: string[]): Promise<void> {
  await pool.query(
    `insert into events.consumer_group (group_name, types) values ($1, $2)
     on conflict (group_name) do update set types = excluded.types`,
    [group, types],
  );
}

/** Whether a group has begun already, in whichever origin. */
export async function hasBegun(pool: Pool, group: string): Promise<boolean> {
  const { rows } = await pool.query<{ begun: boolean }>(
    "select exists (select from events.consumer where group_name = $1) as begun",
    [group],
  );
  return rows[0]!.begun;
}

/** A split that was lost with a database, and is done again elsewhere, counts from there. */
const orSplitAgain = `
  on conflict (group_name, origin, partition) do update
    set parent = excluded.parent, since = excluded.since, owner = null, term = c.term + 1,
      position = case when c.position = ${atEnd} then c.position else greatest(c.position, excluded.since) end
    where c.since is distinct from excluded.since and excluded.since is not null`;

/** Stores where a group begins in the partitions that are new to it, of all these origins or of none. */
export async function registerOrigins(
  pool: Pool,
  group: string,
  begins: readonly { origin: string; position: number; partitions: readonly Partition[] }[],
): Promise<void> {
  const rows = begins.flatMap(({ partitions, ...begin }) => partitions.map((one) => ({ ...begin, ...one })));
  await pool.query(
    `insert into events.consumer as c (group_name, origin, partition, parent, since, position)
     select $1, origin, partition, parent, since, greatest(position, since)
     from jsonb_to_recordset($2) b(origin uuid, "partition" int2, parent int2, since int8, "position" int8)
     ${orSplitAgain}`,
    [group, JSON.stringify(rows)],
  );
}

/** Stores the partitions of an origin that are new for the groups that have begun with it. */
export async function registerSplit(
  on: Pool | PoolClient,
  origin: string,
  partitions: readonly Partition[],
): Promise<void> {
  await on.query(
    // A group that is being forgotten is waited for.
    `with known as materialized (
       select group_name from events.consumer_group g
       where exists (select from events.consumer where group_name = g.group_name and origin = $1) for key share
     )
     insert into events.consumer as c (group_name, origin, partition, parent, since, position)
     select group_name, $1, partition, parent, since, coalesce(since, 0)
     from known cross join jsonb_to_recordset($2) b("partition" int2, parent int2, since int8)
     ${orSplitAgain}`,
    [origin, JSON.stringify(partitions)],
  );
}

export async function readOffsets(pool: Pool, group: string, origin: string): Promise<Offset[]> {
  const { rows } = await pool.query<{ partition: number; position: string }>(
    "select partition, position from events.consumer where group_name = $1 and origin = $2",
    [group, origin],
  );
  return rows.map(({ partition, position }) => ({ partition, position: Number(position) }));
}
