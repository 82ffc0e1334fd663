import { sql } from "kysely";
import type { Pool } from "pg";
import type { Kysely, Transaction } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { type Claim, carryOut, type HandleContext, LeaseLost } from "./effect.ts";
import { advance, noteFailure, noteSlow, type Portion, putOff, type RetryRules } from "./lane.ts";
import type { LogRow } from "./log-row.ts";
import { isPassing, ranOutOfTime } from "./passing-error.ts";

/** Acts on rows within a transaction. */
export type Act<Tables> = (
  transaction: Transaction<Tables>,
  rows: LogRow[],
  context: HandleContext,
) => Promise<void>;

/** How long dead letters are handled in one go. The rest waits for new events, and for the next heartbeat. */
const replayMs = 1_000;

export interface Handling {
  /** Handles one batch; tells whether it is done. What failed is put off or, at last, parked. */
  attempt(portions: Portion[]): Promise<boolean>;
  /** Handles again the dead letters of these partitions for which an operator asked, as many as a second allows. */
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
      advance(portions, rules, performance.now());
      return true;
    } catch (error) {
      if (error instanceof LeaseLost) onLost();
      else if (ranOutOfTime(error)) await failSlowly(portions, error);
      else if (isPassing(error)) {
        log.warn({ err: error, position: rows[0]!.position }, "events cannot be handled now");
        for (const { lane } of portions) putOff(lane, rules, performance.now());
      } else if (portions.length > 1) {
        for (const portion of portions) await attempt([portion]);
      } else await fail(portions[0]!, error);
      return false;
    }
  }

  async function failSlowly(portions: Portion[], error: unknown): Promise<void> {
    const hopeless = noteSlow(portions, rules, performance.now());
    const [first] = portions as [Portion];
    const { position, type, key } = first.rows[0]!;
    const which = { position, type, key, events: portions.flatMap(({ rows }) => rows).length };
    if (!hopeless) return log.warn({ err: error, ...which }, "handling events ran out of time");
    await park(first, error, first.lane.delays);
  }

  async function fail(portion: Portion, error: unknown): Promise<void> {
    const { lane, rows } = portion;
    const hopeless = noteFailure(portion, rules, performance.now());
    const { position, type, key } = rows[0]!;
    const which = { position, type, key, events: rows.length, attempt: lane.failures };
    if (!hopeless) return log.warn({ err: error, ...which }, "handling events failed");
    await park(portion, error, lane.failures);
  }

  async function park(portion: Portion, cause: unknown, attempts: number): Promise<void> {
    const [row] = portion.rows as [LogRow];
    const { position, type, key } = row;
    log.error({ err: cause, position, type, key, attempts }, "an event is parked as a dead letter");
    try {
      await db.transaction().execute(async (transaction) => {
        const untyped = transaction as unknown as Transaction<unknown>;
        await move([portion])(untyped);
        await dead.park(untyped, row, cause, attempts);
      });
      advance([portion], rules, performance.now());
    } catch (trouble) {
      if (trouble instanceof LeaseLost) return onLost();
      log.warn({ err: trouble }, "could not park a dead letter");
      putOff(portion.lane, rules, performance.now());
    }
  }

  return {
    attempt,
    async replay(partitions, stopping) {
      const untilMs = performance.now() + replayMs;
      for (const row of await dead.due(partitions)) {
        if (stopping() || performance.now() > untilMs) return;
        try {
          await perform((on) => dead.takeOut(on, row), [row]);
        } catch (error) {
          if (error instanceof LeaseLost || (isPassing(error) && !ranOutOfTime(error))) continue;
          log.warn({ err: error, position: row.position }, "a dead letter failed again");
          await dead.putBack(row, error);
        }
      }
    },
  };
}
