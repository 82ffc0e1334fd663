import type { Pool } from "pg";
import type { PartitionBatch, PartitionState } from "../consumer/partition-state.ts";
import type { LogRow } from "./log-row.ts";
import type { Subscription } from "./log-source.ts";

interface ReadRequest {
  states: PartitionState[];
  /** The maximum number of rows of each partition. */
  limits: number[];
  /** The stable position, never less than before. */
  upTo: number;
}

/** Reads the log for all consumers of a process. */
export interface LogReader {
  /** `read` returns the next rows of each partition, with its position after them. */
  subscribe(subscription: Subscription): {
    read(request: ReadRequest): Promise<PartitionBatch[]>;
    unsubscribe(): void;
  };
}

/** How far one read goes at most, so that a group that wants few of very many events still gets on. */
const maxSpan = 200_000;
/** How many positions a shared read covers at most: its rows stay in memory until the next one. */
const maxSharedSpan = 5_000;

/** The events after `after` of all subscribed types, in all subscribed partitions. */
interface SharedRead {
  after: number;
  types: ReadonlySet<string>;
  rows: ReadonlyMap<number, LogRow[]>;
}

/**
 * New events are read once for all groups, because most groups want none of them. Only a group that is further behind
 * reads for itself.
 */
export function createLogReader(pool: Pool): LogReader {
  const subscriptions = new Set<Subscription>();
  let sharedUpTo: number | undefined;
  let shared: Promise<SharedRead> | undefined;

  /** The shared read up to here, unless it would be too large. The first caller starts it. */
  function sharedReadUpTo(upTo: number): Promise<SharedRead> | undefined {
    if (upTo === sharedUpTo) return shared;
    const after = sharedUpTo;
    sharedUpTo = upTo;
    shared = after === undefined || upTo - after > maxSharedSpan ? undefined : readShared(after, upTo);
    // After a failure each group reads for itself, until there are new events.
    shared?.catch(() => {
      if (sharedUpTo === upTo) shared = undefined;
    });
    return shared;
  }

  async function readShared(after: number, upTo: number): Promise<SharedRead> {
    const all = [...subscriptions];
    const types = new Set(all.flatMap((subscription) => subscription.types));
    const partitions = new Set(all.flatMap((subscription) => [...subscription.partitions()]));
    const ranges = [...partitions].map((partition) => ({ partition, after, upTo, limit: maxSharedSpan }));
    return { after, types, rows: await readRanges(pool, ranges, [...types]) };
  }

  async function read(
    types: readonly string[],
    { states, limits, upTo }: ReadRequest,
  ): Promise<PartitionBatch[]> {
    const common = await sharedReadUpTo(upTo);
    const sharedRowsOf = (state: PartitionState): LogRow[] | undefined =>
      common && state.position >= common.after && types.every((type) => common.types.has(type))
        ? common.rows.get(state.partition)
        : undefined;
    const ranges = states.flatMap((state, i) => {
      const { partition, position: after } = state;
      return sharedRowsOf(state)
        ? []
        : { partition, after, upTo: Math.min(upTo, after + maxSpan), limit: limits[i]! };
    });
    const own = await readRanges(pool, ranges, types);
    const gaps = ranges.filter((range) => range.upTo < upTo && own.get(range.partition)!.length === 0);
    const gapEnds = await readGapEnds(pool, gaps, upTo);
    return states.map((state, i) => {
      const sharedRows = sharedRowsOf(state);
      const rows = sharedRows
        ? nextOf(sharedRows, state, types).slice(0, limits[i])
        : own.get(state.partition)!;
      const readUpTo = gapEnds.get(state.partition) ?? Math.min(upTo, state.position + maxSpan);
      const end = sharedRows ? upTo : readUpTo;
      return { state, rows, end: rows.length === limits[i] ? Number(rows.at(-1)!.position) : end };
    });
  }

  return {
    subscribe(subscription) {
      subscriptions.add(subscription);
      return {
        read: (request) => read(subscription.types, request),
        unsubscribe: () => subscriptions.delete(subscription),
      };
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
  limit: number;
}

/** Up to `limit` rows of each of these partitions that are of these types, in one statement. */
async function readRanges(
  pool: Pool,
  ranges: Range[],
  types: readonly string[],
): Promise<Map<number, LogRow[]>> {
  const found = new Map<number, LogRow[]>(ranges.map(({ partition }) => [partition, []]));
  if (ranges.length === 0) return found;
  const { rows } = await pool.query<LogRow>({
    // Named, so that it is prepared: it runs so often that planning would be most of its cost.
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
      ranges.map(({ limit }) => limit),
      types,
    ],
  });
  for (const row of rows) found.get(row.partition)!.push(row);
  return found;
}

/** Up to where there is nothing in these partitions: after a restored database has left a gap, nobody walks through it. */
async function readGapEnds(pool: Pool, ranges: Range[], upTo: number): Promise<Map<number, number>> {
  if (ranges.length === 0) return new Map();
  const { rows } = await pool.query<{ partition: number; next: string | null }>({
    text: `
      select w.partition, (
        select position from events.log l
        where l.partition = w.partition and l.position > w.upto and l.position <= $3 order by position limit 1
      ) as next
      from unnest($1::int2[], $2::int8[]) as w(partition, upto)`,
    values: [ranges.map(({ partition }) => partition), ranges.map((range) => range.upTo), upTo],
  });
  return new Map(rows.map(({ partition, next }) => [partition, next === null ? upTo : Number(next) - 1]));
}
