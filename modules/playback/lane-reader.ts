import { sql } from "kysely";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { parts } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** A row of what is read by lanes. */
export interface LaneRow {
  lane: string;
  seq: string;
}

export interface LaneReading<Row extends LaneRow> {
  /** The name under which the offsets are kept. */
  reader: "plays" | "history";
  table: "raw" | "position";
  /** Reads no partitions from before. */
  since(on: Transaction<Tables>): Promise<number>;
  /** Acts on rows of one part, in the transaction that also moves the offsets; no other process acts on this part meanwhile. */
  act(on: Transaction<Tables>, rows: Row[], part: number): Promise<void>;
}

const maxRows = 10_000;
const since = { raw: "started_ms", position: "received_ms" } as const;

/** Reads the lanes of one part once. Whether there may be more: `busy` if another process reads this part. */
export async function readPart<Row extends LaneRow>(
  db: Kysely<Tables>,
  reading: LaneReading<Row>,
  part: number,
): Promise<"done" | "more" | "busy"> {
  const { reader, table } = reading;
  return inTransaction(db, async (transaction) => {
    const { rows: held } = await sql`
      select from playback.part where reader = ${reader} and part = ${part} for update skip locked`.execute(
      transaction,
    );
    if (held.length === 0) return "busy";
    const { rows: lanes } = await sql<{ lane: string; last: string; done: string }>`
      select l.lane, l.seq as last, coalesce(o.seq, 0) as done from playback.lane l
      left join playback.lane_offset o on o.reader = ${reader} and o.part = ${part} and o.lane = l.lane
      where l.seq > coalesce(o.seq, 0) order by l.lane`.execute(transaction);
    if (lanes.length === 0) return "done";
    const firstMs = await reading.since(transaction);
    const rows: Row[] = [];
    const read: LaneRow[] = [];
    for (const { lane, last, done } of lanes) {
      const room = maxRows - rows.length;
      if (room === 0) break;
      const { rows: found } = await sql<Row>`
        select * from ${sql.id("playback", table)}
        where part = ${part} and lane = ${lane} and seq > ${done} and seq <= ${last}
          and ${sql.id(since[table])} >= ${sql.lit(firstMs)}
        order by seq limit ${room}`.execute(transaction);
      rows.push(...found);
      read.push({ lane, seq: found.length === room ? found.at(-1)!.seq : last });
    }
    if (rows.length > 0) await reading.act(transaction, rows, part);
    await sql`
      insert into playback.lane_offset (reader, part, lane, seq)
      select ${reader}, ${part}, * from unnest(${read.map(({ lane }) => lane)}::int8[], ${read.map(({ seq }) => seq)}::int8[])
      on conflict (reader, part, lane) do update set seq = excluded.seq`.execute(transaction);
    return rows.length === maxRows ? "more" : "done";
  });
}

/** Whether something was appended that this reader has not read. */
async function isBehind(db: Kysely<Tables>, reader: string): Promise<boolean> {
  const { rows } = await sql`
    select from playback.lane l cross join playback.part p
    left join playback.lane_offset o on o.reader = p.reader and o.part = p.part and o.lane = l.lane
    where p.reader = ${reader} and l.seq > coalesce(o.seq, 0) limit 1`.execute(db);
  return rows.length > 0;
}

export interface LaneReader {
  /** Something was appended. */
  wake(): void;
  stop(): Promise<void>;
}

/** So that what comes at about the same time is counted together. */
const gatherMs = 200;
/** While something always comes: a round costs as much for a few rows as for hundreds. */
const everyMs = 1_000;
/** What a process that died has appended is found then. */
const pollMs = 10_000;

/** Reads all parts, over and over, as soon as there is something. */
export function startLaneReader<Row extends LaneRow>(
  db: Kysely<Tables>,
  reading: LaneReading<Row>,
  onError: (error: unknown) => void,
): LaneReader {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  /** So that a round is for many rows, and time is left to those who tell. */
  let restUntilMs = Number.NEGATIVE_INFINITY;

  function within(ms: number): void {
    const atMs = performance.now() + ms;
    if (stopping.signal.aborted || atMs >= dueMs) return;
    dueMs = atMs;
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  }

  function soon(): void {
    within(Math.max(gatherMs, restUntilMs - performance.now()));
  }

  function run(): void {
    dueMs = Number.POSITIVE_INFINITY;
    const sinceMs = performance.now();
    if (running || sinceMs < restUntilMs) {
      soon();
      return;
    }
    running = all()
      .then(
        (again) => (again ? soon() : within(pollMs)),
        (error) => {
          if (!stopping.signal.aborted) onError(error);
          within(pollMs);
        },
      )
      .finally(() => {
        const nowMs = performance.now();
        restUntilMs = Math.max(sinceMs + everyMs, nowMs + Math.min(nowMs - sinceMs, everyMs));
        running = undefined;
      });
  }

  /** Whether another process is at work on what may be ours. */
  async function all(): Promise<boolean> {
    let busy = false;
    // One statement, since mostly there is nothing.
    if (!(await isBehind(db, reading.reader))) return false;
    for (let part = 0; part < parts; part++) {
      for (;;) {
        if (stopping.signal.aborted) return false;
        const state = await readPart(db, reading, part);
        if (state === "more") continue;
        busy ||= state === "busy";
        break;
      }
    }
    return busy;
  }

  within(0);
  return {
    wake: soon,
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
