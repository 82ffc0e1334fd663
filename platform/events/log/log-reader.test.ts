import type { Pool, QueryConfig } from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EventLog, openEventLog } from "#platform/testing/event-log.ts";
import { newPartitionState, type PartitionBatch } from "../consumer/partition-state.ts";
import { createLogReader, type LogReader } from "./log-reader.ts";

let log: EventLog;
let reader: LogReader;
/** How often the log was read. */
let readings: number;
let broken: boolean;

beforeEach(async () => {
  log = await openEventLog();
  readings = 0;
  broken = false;
  const { pool } = log.database;
  const query = (config: QueryConfig) => {
    readings++;
    return broken ? Promise.reject(new Error("lost")) : pool.query(config);
  };
  reader = createLogReader({ query } as unknown as Pool);
});
afterEach(() => log.close());

const partitions = [0, 1, 2];

/** A group with all partitions, which has come this far in each. */
function group(types: string[], position = 0) {
  const states = partitions.map((partition) =>
    newPartitionState({ origin: "here", partition, term: "1", position, storedPosition: position }),
  );
  const { read } = reader.subscribe({ types, partitions: () => partitions });
  return {
    states,
    /** What it reads, and goes on from there. */
    async read(upTo: number, most = 100): Promise<string[]> {
      const partitionBatches = await read({ states, limits: states.map(() => most), upTo });
      for (const { state, end } of partitionBatches) state.position = end;
      return told(partitionBatches);
    },
  };
}

const told = (partitionBatches: PartitionBatch[]) =>
  partitionBatches.flatMap(({ rows }) => rows.map(({ position, type }) => `${type}${position}`));

/** Events of types `a` and `b` in turn, in the partitions in turn; gives the last position. */
async function write(count: number): Promise<number> {
  const { rows } = await log.database.pool.query<{ position: string }>(
    `insert into events.log (partition, type, key, payload)
     select n % 3, case n % 2 when 0 then 'a' else 'b' end, 'k', '' from generate_series(1, $1::int) n
     returning position`,
    [count],
  );
  return Number(rows.at(-1)!.position);
}

const sorted = (rows: string[]) => rows.toSorted((x, y) => Number(x.slice(1)) - Number(y.slice(1)));

describe("new events", () => {
  it("are read once for all groups, and each gets its types", async () => {
    const groups = [group(["a"]), group(["b"]), group(["a", "b"]), group(["c"])];
    const first = await write(6);
    for (const one of groups) await one.read(first);
    const upTo = await write(6);
    readings = 0;
    const [a, b, both, none] = await Promise.all(groups.map((one) => one.read(upTo)));
    expect(readings).toBe(1);
    expect(sorted(a!)).toEqual([8, 10, 12].map((n) => `a${n}`));
    expect(sorted(b!)).toEqual([7, 9, 11].map((n) => `b${n}`));
    expect(sorted(both!)).toEqual(sorted([...a!, ...b!]));
    expect(none).toEqual([]);
    for (const { states } of groups)
      expect(states.map((state) => state.position)).toEqual([upTo, upTo, upTo]);
  });

  it("go to each group in batches of its size, in order", async () => {
    const one = group(["a"]);
    await one.read(await write(6));
    const upTo = await write(18);
    const found: string[][] = [];
    for (let times = 0; times < 4; times++) found.push(await one.read(upTo, 1));
    expect(found.map((rows) => rows.length)).toEqual([3, 3, 3, 0]);
    expect(found.flatMap(sorted)).toEqual([8, 10, 12, 14, 16, 18, 20, 22, 24].map((n) => `a${n}`));
    expect(readings).toBe(2);
  });

  it("are not all for a group that is further behind, or that has joined since", async () => {
    const [early, late] = [group(["a"]), group(["a"])];
    await early.read(await write(6));
    const upTo = await write(6);
    await early.read(upTo);
    expect(sorted(await late.read(upTo))).toEqual([2, 4, 6, 8, 10, 12].map((n) => `a${n}`));
    const joined = group(["b"], upTo - 6);
    expect(sorted(await joined.read(upTo))).toEqual([7, 9, 11].map((n) => `b${n}`));
  });

  it("are read by each group if they are too many to share, or could not be read", async () => {
    const groups = [group(["a"]), group(["b"])];
    const first = await write(6);
    for (const one of groups) await one.read(first);
    const far = first + 5_001;
    readings = 0;
    for (const one of groups) await one.read(far);
    expect(readings).toBe(2);

    await log.database.pool.query(`select setval('events.log_position_seq', ${far})`);
    const upTo = await write(6);
    broken = true;
    await expect(groups[0]!.read(upTo)).rejects.toThrow("lost");
    broken = false;
    expect((await Promise.all(groups.map((one) => one.read(upTo)))).flat()).toHaveLength(6);
  });
});

it("goes through the gap that a restored database leaves at once", async () => {
  const one = group(["a", "b"], await write(3));
  const gap = 1_000_000_000;
  await log.database.pool.query(
    "select setval('events.log_position_seq', last_value + $1) from events.log_position_seq",
    [gap],
  );
  const last = await write(3);
  const found = [...(await one.read(last)), ...(await one.read(last))];
  expect(sorted(found)).toEqual([`b${last - 2}`, `a${last - 1}`, `b${last}`]);
  expect(readings).toBeLessThanOrEqual(4);
});
