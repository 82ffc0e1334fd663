import { sql } from "kysely";
import type { Pool } from "pg";
import type { Kysely, Transaction } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { type Claim, carryOut, type HandleContext, LeaseLost } from "./effect.ts";
import { advance, noteFailure, type Portion, putOff, type RetryRules } from "./lane.ts";
import type { LogRow } from "./log-row.ts";
import { isPassing } from "./passing-error.ts";

/** Acts on rows within a transaction. */
export type Act<Tables> = (
  transaction: Transaction<Tables>,
  rows: LogRow[],
  context: HandleContext,
) => Promise<void>;

export interface Handling {
  /** Handles one batch; tells whether it is done. What failed is put off or, at last, parked. */
  attempt(portions: Portion[]): Promise<boolean>;
  /** Handles again the dead letters of these partitions for which an operator asked. */
  replay(partitions: number[], stopping: () => boolean): Promise<void>;
}

export function createHandling<Tables>(options: {
  group: string;
  db: Kysely<Tables>;
  pool: Pool;
  log: Logger;
  timeoutMs: number;
  rules: RetryRules;
  act: Act<Tables>;
  /** Called when a lease turns out to be lost. */
  onLost: () => void;
  /** Called after a commit with the types of the events that were emitted in it. */
  onEmitted: (types: Set<string>) => void;
}): Handling {
  const { group, db, pool, log, rules, act, onLost, onEmitted } = options;
  const dead = createDeadLetters(pool, group);

  /** The offsets of these partitions, moved forward under their leases, are the claim on their events. */
  const move =
    (portions: Portion[]): Claim =>
    async (on) => {
      const { rows } = await sql<{ pid: number }>`
        update events.consumer c set position = m.position
        from unnest(${portions.map(({ lane }) => lane.partition)}::int2[],
          ${portions.map(({ lane }) => lane.term)}::int8[], ${portions.map(({ rows }) => rows[0]!.position)}::int8[],
          ${portions.map(({ end }) => end)}::int8[]
        ) as m(partition, term, first, position)
        where c.group_name = ${group} and c.partition = m.partition and c.term = m.term and c.position < m.first
        returning pg_backend_pid() as pid`.execute(on);
      if (rows.length !== portions.length) throw new LeaseLost();
      return rows[0]!.pid;
    };

  async function perform(claim: Claim, rows: LogRow[]): Promise<void> {
    const work = async (on: Transaction<Tables>, context: HandleContext) => act(on, rows, context);
    onEmitted(await carryOut(options, claim, work));
  }

  async function attempt(portions: Portion[]): Promise<boolean> {
    const rows = portions.flatMap((portion) => portion.rows);
    try {
      await perform(move(portions), rows);
      advance(portions, rules);
      return true;
    } catch (error) {
      if (error instanceof LeaseLost) onLost();
      else if (isPassing(error)) {
        log.warn({ err: error, position: rows[0]!.position }, "events cannot be handled now");
        for (const { lane } of portions) putOff(lane, rules, performance.now());
      } else if (portions.length > 1) {
        for (const portion of portions) await attempt([portion]);
      } else await fail(portions[0]!, error);
      return false;
    }
  }

  async function fail(portion: Portion, error: unknown): Promise<void> {
    const { lane, rows } = portion;
    const hopeless = noteFailure(portion, rules, performance.now());
    const { position, type, key } = rows[0]!;
    const which = { position, type, key, events: rows.length, attempt: lane.failures };
    if (!hopeless) return log.warn({ err: error, ...which }, "handling events failed");
    log.error({ err: error, ...which }, "an event is parked as a dead letter");
    await park(portion, error).catch((trouble) => {
      if (trouble instanceof LeaseLost) return onLost();
      log.warn({ err: trouble }, "could not park a dead letter");
      putOff(lane, rules, performance.now());
    });
  }

  async function park(portion: Portion, cause: unknown): Promise<void> {
    await db.transaction().execute(async (transaction) => {
      const untyped = transaction as unknown as Transaction<unknown>;
      await move([portion])(untyped);
      await dead.park(untyped, portion.rows[0]!, cause, portion.lane.failures);
    });
    advance([portion], rules);
  }

  return {
    attempt,
    async replay(partitions, stopping) {
      for (const row of await dead.due(partitions)) {
        if (stopping()) return;
        try {
          await perform((on) => dead.takeOut(on, row), [row]);
        } catch (error) {
          if (error instanceof LeaseLost || isPassing(error)) continue;
          log.warn({ err: error, position: row.position }, "a dead letter failed again");
          await dead.putBack(row, error);
        }
      }
    },
  };
}
