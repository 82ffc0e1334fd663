import type { Pool } from "pg";
import type { LogRow } from "./log-row.ts";
import type { PartitionBatch, PartitionState } from "./partition-state.ts";

/** What a member of a group reads: events of these types in the partitions that it has at the moment. */
interface Reading {
  types: readonly string[];
  partitions(): Iterable<number>;
}

interface Wanted {
  states: PartitionState[];
  /** The most rows of each partition. */
  limits: number[];
  /** The stable position, never less than before. */
  upTo: number;
}

/** Reads the log for all consumers of a process. */
export interface LogReader {
  /** Tells what will be read, and gives what reads it: the next rows of each partition, with its position then. */
  join(reading: Reading): { read(wanted: Wanted): Promise<PartitionBatch[]>; leave(): void };
}

/** How far one reading goes at most, so that a group that wants few of very many events still gets on. */
const maxSpan = 200_000;
/** As many positions are read for all at most: their rows are kept until the next ones come. */
const maxSharedSpan = 5_000;

/** All that came between two looks, of the types and in the partitions that anybody reads. */
interface News {
  after: number;
  types: ReadonlySet<string>;
  rows: ReadonlyMap<number, LogRow[]>;
}

/**
 * What has come since the last look is read once for all groups, since most of them want nothing of it. Only one that
 * is further behind reads for itself.
 */
export function createLogReader(pool: Pool): LogReader {
  const readings = new Set<Reading>();
  let lookedUpTo: number | undefined;
  let news: Promise<News> | undefined;

  /** The news up to here, unless there are too many; whoever asks first has them read. */
  function newsUpTo(upTo: number): Promise<News> | undefined {
    if (upTo === lookedUpTo) return news;
    const after = lookedUpTo;
    lookedUpTo = upTo;
    news = after === undefined || upTo - after > maxSharedSpan ? undefined : readNews(after, upTo);
    // Then everybody reads for themselves, until there is more.
    news?.catch(() => {
      if (lookedUpTo === upTo) news = undefined;
    });
    return news;
  }

  async function readNews(after: number, upTo: number): Promise<News> {
    const all = [...readings];
    const types = new Set(all.flatMap((reading) => reading.types));
    const partitions = new Set(all.flatMap((reading) => [...reading.partitions()]));
    const ranges = [...partitions].map((partition) => ({ partition, after, upTo, most: maxSharedSpan }));
    return { after, types, rows: await readRanges(pool, ranges, [...types]) };
  }

  async function read(types: readonly string[], { states, limits, upTo }: Wanted): Promise<PartitionBatch[]> {
    const common = await newsUpTo(upTo);
    const told = (state: PartitionState): LogRow[] | undefined =>
      common && state.position >= common.after && types.every((type) => common.types.has(type))
        ? common.rows.get(state.partition)
        : undefined;
    const ranges = states.flatMap((state, i) => {
      const { partition, position: after } = state;
      return told(state) ? [] : { partition, after, upTo: Math.min(upTo, after + maxSpan), most: limits[i]! };
    });
    const own = await readRanges(pool, ranges, types);
    return states.map((state, i) => {
      const news = told(state);
      const rows = news ? nextOf(news, state, types).slice(0, limits[i]) : own.get(state.partition)!;
      const end = news ? upTo : Math.min(upTo, state.position + maxSpan);
      return { state, rows, end: rows.length === limits[i] ? Number(rows.at(-1)!.position) : end };
    });
  }

  return {
    join(reading) {
      readings.add(reading);
      return { read: (wanted) => read(reading.types, wanted), leave: () => readings.delete(reading) };
    },
  };
}

function nextOf(rows: LogRow[], state: PartitionState, types: readonly string[]): LogRow[] {
  return rows.filter(({ position, type }) => Number(position) > state.position && types.includes(type));
}

interface Range {
  partition: number;
  after: number;
  upTo: number;
  most: number;
}

/** Up to `most` rows of each of these partitions that are of these types, in one statement. */
async function readRanges(
  pool: Pool,
  ranges: Range[],
  types: readonly string[],
): Promise<Map<number, LogRow[]>> {
  const found = new Map<number, LogRow[]>(ranges.map(({ partition }) => [partition, []]));
  if (ranges.length === 0) return found;
  const { rows } = await pool.query<LogRow>({
    // Asked so often that planning it would be most of its cost.
    name: "events-read-ranges",
    text: `
      select l.* from unnest($1::int2[], $2::int8[], $3::int8[], $4::int8[]) as w(partition, after, upto, most)
      cross join lateral (
        select partition, position, type, key, payload, trace_id, at from events.log
        where partition = w.partition and position > w.after and position <= w.upto and type = any($5::text[])
        order by position limit w.most
      ) l`,
    values: [
      ranges.map(({ partition }) => partition),
      ranges.map(({ after }) => after),
      ranges.map(({ upTo }) => upTo),
      ranges.map(({ most }) => most),
      types,
    ],
  });
  for (const row of rows) found.get(row.partition)!.push(row);
  return found;
}
