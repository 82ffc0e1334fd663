import type { Pool } from "pg";
import { readOrigin } from "../log/table-source.ts";
import { type GroupLag, readLag } from "./lag.ts";

/**
 * The lag of the groups of several databases, each with the events of all of them. `onError` is told of a database that
 * cannot be read, which is then left out; without it, that is an error.
 */
export async function readAllLag(
  pools: readonly Pool[],
  onError?: (error: unknown) => void,
): Promise<GroupLag[]> {
  const attempt = <Found>(work: Promise<Found>, otherwise: Found): Promise<Found> =>
    onError
      ? work.catch((error) => {
          onError(error);
          return otherwise;
        })
      : work;
  const known = await Promise.all(
    pools.map(async (pool) => ({
      pool,
      groups: await attempt(readLag(pool), []),
      origin: pools.length > 1 ? await attempt(readOrigin(pool), "") : "",
    })),
  );
  for (const { pool, groups, origin: own } of known)
    for (const group of groups)
      for (const { pool: log, origin } of known) {
        if (origin === own || origin === "") continue;
        const more = await attempt(waitingIn(log, origin, pool, group), { records: 0, seconds: 0 });
        group.records += more.records;
        group.seconds = Math.max(group.seconds, more.seconds);
      }
  return known.flatMap(({ groups }) => groups);
}

/** What waits in the log of another database, after the offsets that the group's own has. */
async function waitingIn(log: Pool, origin: string, pool: Pool, { group, types }: GroupLag) {
  const { rows: offsets } = await pool.query<{ partition: number; position: string }>(
    "select partition, position from events.consumer where group_name = $1 and origin = $2 and position >= 0",
    [group, origin],
  );
  const { rows } = await log.query<{ records: string; seconds: number }>(
    `select count(*) as records, coalesce(extract(epoch from now() - min(at)), 0)::float8 as seconds
     from unnest($1::int2[], $2::int8[]) c(partition, position) cross join lateral (
       select at from events.log l
       where l.partition = c.partition and l.position > c.position and l.type = any($3)
       order by l.position limit 20000
     ) unread`,
    [offsets.map(({ partition }) => partition), offsets.map(({ position }) => position), types],
  );
  return { records: Number(rows[0]!.records), seconds: Math.max(0, rows[0]!.seconds) };
}
