import type { PoolClient } from "pg";
import { refusal } from "../../errors/reasons.ts";
import type { LogRow } from "../log/log-row.ts";
import { formatPartitioning, type Partitioning, readPartitioning, unsplit } from "../partitions.ts";
import { maxPosition } from "./event-stream.ts";

/** The table of events, read in the order of positions across its partitions. */
export interface Outbox {
  /** Events after a position that are committed, and no earlier one can still be. */
  after(position: number): Promise<OutboxRead>;
  /** How the partitions of what was read came to be, by formatPartitioning; empty where they were not split. */
  partitioning(): string;
  /**
   * Makes sure that no position up to here is ever given to an event; returns whether one might have been. Error:
   * EVENT_POSITION_TOO_HIGH when too few would be left.
   */
  pass(position: number): Promise<boolean>;
}

interface OutboxRead {
  rows: LogRow[];
  /** Everything up to here is in `rows`. */
  upTo: number;
  /** Positions were assigned that may still be committed. */
  undecided: boolean;
}

/** Rows lie densely, so a read of so many positions costs no more than their rows. */
const span = 1_000;

export function openOutbox(client: PoolClient): Outbox {
  let history: readonly Partitioning[] | undefined;

  /** The position before the first event after this one, or the stable position when there is none up to it. */
  async function beforeNext(position: number, stable: number): Promise<number> {
    const { rows } = await client.query<{ next: string | null }>(
      `select min(l.position) as next from generate_series(0, events.partitions() - 1) p cross join lateral (
         select position from events.log where partition = p and position > $1 and position <= $2
         order by position limit 1
       ) l`,
      [position, stable],
    );
    const { next } = rows[0]!;
    return next === null ? stable : Number(next) - 1;
  }

  async function lookForSplits(rows: readonly LogRow[]): Promise<void> {
    const known = history?.at(-1)?.partitions ?? 0;
    if (rows.some(({ partition }) => partition >= known)) history = await readPartitioning(client);
  }

  return {
    partitioning() {
      const text = formatPartitioning(history ?? unsplit);
      return text === formatPartitioning(unsplit) ? "" : text;
    },
    async after(position) {
      const { rows: heads } = await client.query<{ stable: string; assigned: string }>({
        name: "relay-head",
        text: "select events.horizon() as stable, (select last_value from events.log_position_seq) as assigned",
      });
      const stable = Number(heads[0]!.stable);
      const undecided = Number(heads[0]!.assigned) > Math.max(stable, 1);
      if (stable <= position) return { rows: [], upTo: position, undecided };
      const upTo = Math.min(stable, position + span);
      const { rows } = await client.query<LogRow>({
        name: "relay-read",
        text: `
          select l.* from generate_series(0, events.partitions() - 1) p cross join lateral (
            select partition, position, type, key, payload, trace_id, at from events.log
            where partition = p and position > $1 and position <= $2
          ) l order by l.position`,
        values: [position, upTo],
      });
      await lookForSplits(rows);
      if (rows.length > 0 || upTo === stable) return { rows, upTo, undecided };
      return { rows, upTo: await beforeNext(upTo, stable), undecided };
    },
    async pass(position) {
      if (position > maxPosition) throw refusal("EVENT_POSITION_TOO_HIGH", { position });
      const { rowCount } = await client.query(
        "select setval('events.log_position_seq', $1) from events.log_position_seq where last_value < $1",
        [position],
      );
      return rowCount === 1;
    },
  };
}
