import type { Pool } from "pg";
import { expect } from "vitest";
import type { Database } from "#platform/db/database.ts";
import { groupsBehind } from "#platform/events/admin/behind.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import type { EventConsumers, EventWriter } from "#platform/events/events.ts";
import { readOrigin } from "#platform/events/log/table-source.ts";
import { namesOf, readEnd } from "#platform/events/nats/event-stream.ts";
import { type EffectTables, type EventLog, openEventLog } from "./event-log.ts";
import { openNatsLog } from "./nats-log.ts";

/** An event log as its consumers see it, however events come to them. */
export interface ConsumedLog {
  /** Where facts and their events are written, which groups do not touch. */
  facts: EventLog;
  writer: EventWriter<EffectTables>;
  emit(...values: string[]): Promise<void>;
  /** Starts a process that consumes. */
  join(): { database: Database; events: EventConsumers<EffectTables> };
  /** The database of the groups, their offsets and their effects. */
  pool: Pool;
  /** All databases. */
  pools: readonly Pool[];
  /** What `consume-events` is told, after the step. */
  args: readonly string[];
  /** Resolves when all that is committed can be had where groups are. */
  carried(): Promise<void>;
  /** The values handled so far, in commit order. */
  effects(): Promise<string[]>;
  close(): Promise<void>;
}

/** Groups that read the table where it is. */
export async function openTableLog(): Promise<ConsumedLog> {
  const log = await openEventLog();
  return {
    facts: log,
    writer: log.events,
    emit: log.emit,
    join: log.join,
    pool: log.database.pool,
    pools: [log.database.pool],
    args: [log.url],
    carried: async () => {},
    effects: log.effects,
    close: log.close,
  };
}

/** Groups in another database, which have nothing but the stream. */
export async function openStreamLog(url: string): Promise<ConsumedLog> {
  const log = await openNatsLog(url);
  const { here, there, secret, scope, writer } = log;
  const pool = there.database.pool;
  const pools = [here.database.pool, pool];
  const origin = await readOrigin(here.database.pool);

  async function settle(group: string, limitMs = 60_000): Promise<void> {
    const isSettled = async () => {
      const { rows } = await pool.query("select from events.consumer where group_name = $1 and origin = $2", [
        group,
        origin,
      ]);
      return rows.length > 0 && !(await groupsBehind(pools)).includes(group);
    };
    await expect.poll(isSettled, { interval: 10, timeout: limitMs }).toBe(true);
  }

  return {
    facts: here,
    writer: writer.events,
    emit: log.emit,
    join() {
      const { database, events } = log.join(there);
      return {
        database,
        events: {
          consume(options): Consumer {
            const { stop } = events.consume(options);
            return { settled: (limitMs) => settle(options.group, limitMs), stop };
          },
        },
      };
    },
    pool,
    pools,
    args: [there.url, url, secret, origin],
    async carried() {
      const { rows } = await here.database.pool.query("select events.horizon() as stable");
      const end = async () => {
        const nats = writer.link.current();
        const found = nats && (await readEnd(nats, namesOf(scope, origin)).catch(() => undefined));
        return found?.position ?? 0;
      };
      await expect.poll(end, { interval: 10 }).toBeGreaterThanOrEqual(Number(rows[0].stable));
    },
    effects: log.effects,
    close: log.close,
  };
}
