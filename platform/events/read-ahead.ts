import type { Pool } from "pg";
import type { Lane, Portion } from "./lane.ts";
import type { LogRow } from "./log-row.ts";

/** How far one reading goes at most, so that a group that wants few of very many events still gets on. */
const maxSpan = 200_000;

/**
 * The next rows of some partitions that are of these types and decided (`upTo`), up to `limits` of each, in one
 * statement; with where each partition stands then.
 */
export async function readAhead(
  pool: Pool,
  wanted: { lanes: Lane[]; limits: number[]; upTo: number; types: string[] },
): Promise<Portion[]> {
  const { lanes, limits, upTo, types } = wanted;
  const ends = lanes.map((lane) => Math.min(upTo, lane.position + maxSpan));
  const { rows } = await pool.query<LogRow>({
    // Asked so often that planning it would be most of its cost.
    name: "events-read-ahead",
    text: `
      select l.* from unnest($1::int2[], $2::int8[], $3::int8[], $4::int8[]) as w(partition, after, upto, most)
      cross join lateral (
        select partition, position, type, key, payload, trace_id, at from events.log
        where partition = w.partition and position > w.after and position <= w.upto and type = any($5::text[])
        order by position limit w.most
      ) l`,
    values: [lanes.map((lane) => lane.partition), lanes.map((lane) => lane.position), ends, limits, types],
  });
  const found = new Map<number, LogRow[]>(lanes.map((lane) => [lane.partition, []]));
  for (const row of rows) found.get(row.partition)!.push(row);
  return lanes.map((lane, i) => {
    const mine = found.get(lane.partition)!;
    return { lane, rows: mine, end: mine.length === limits[i] ? Number(mine.at(-1)!.position) : ends[i]! };
  });
}
