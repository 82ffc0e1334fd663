import { sql } from "kysely";
import type { Pool } from "pg";
import type { Kysely, Transaction } from "../../db/database.ts";
import { DomainError } from "../../errors/domain-error.ts";
import type { Logger } from "../../observe/log.ts";
import type { Metrics } from "../../observe/metrics.ts";
import type { LogRow } from "../log/log-row.ts";
import { isTimeout, isTransient } from "../transient-error.ts";
import type { AssignedPartition } from "./assignment.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { type Claim, ClaimLost, type HandlerSteps, runHandler } from "./handler-transaction.ts";
import {
  advance,
  backOff,
  type PartitionBatch,
  type RetryRules,
  recordFailure,
  recordProgress,
  recordTimeout,
} from "./partition-state.ts";

/** How long dead letters are replayed at once. New events come before the rest, which waits for the next heartbeat. */
const replayMs = 1_000;

export interface BatchProcessor {
  /** Handles batches in one transaction; returns whether it committed. A failed batch is retried later or, in the end, parked. */
  processBatches(batches: PartitionBatch[]): Promise<boolean>;
  /** Replays the dead letters of these partitions that an operator has marked, as many as a second allows. */
  replay(partitions: AssignedPartition[], stopping: () => boolean): Promise<void>;
}

export function createBatchProcessor<Tables, Prepared>(options: {
  group: string;
  db: Kysely<Tables>;
  pool: Pool;
  log: Logger;
  timeoutMs: number;
  rules: RetryRules;
  /** The steps of handling these rows. Error: of one that cannot be decoded. */
  stepsOf(rows: LogRow[]): HandlerSteps<Tables, Prepared>;
  /** Called when a partition turns out to be another member's. */
  onLost: () => void;
  /** Called after a commit in which events were emitted. */
  onEmitted: () => void;
  /** Of each attempt at a batch: `ok`, `failed`, or `later` when that says nothing about the events. */
  measure?: Metrics["batches"] | undefined;
}): BatchProcessor {
  const { group, db, pool, log, rules, stepsOf, onLost, measure } = options;
  const dead = createDeadLetters(pool, group);

  /** Claims the events of these batches: moves the offsets of their partitions forward under their terms. */
  const claimOf =
    (batches: PartitionBatch[]): Claim =>
    async (on) => {
      const { rows } = await sql<{ pid: number }>`
        update events.consumer c set position = m.position
        from unnest(${batches.map(({ state }) => state.origin)}::uuid[],
          ${batches.map(({ state }) => state.partition)}::int2[],
          ${batches.map(({ state }) => state.term)}::int8[], ${batches.map(({ rows }) => rows[0]!.position)}::int8[],
          ${batches.map(({ end }) => end)}::int8[], ${batches.map(({ state }) => state.storedPosition)}::int8[]
        ) as m(origin, partition, term, first, position, stored)
        where c.group_name = ${group} and c.origin = m.origin and c.partition = m.partition and c.term = m.term
          and c.position >= m.stored and c.position < m.first
        returning pg_backend_pid() as pid`.execute(on);
      if (rows.length !== batches.length) throw new ClaimLost();
      return rows[0]!.pid;
    };

  async function runClaimed(claim: Claim, rows: LogRow[]): Promise<void> {
    await runHandler(options, claim, stepsOf(rows));
  }

  async function processBatches(batches: PartitionBatch[]): Promise<boolean> {
    const rows = batches.flatMap((batch) => batch.rows);
    const startedMs = performance.now();
    const attempted = (outcome: string) =>
      measure?.observe({ group, outcome }, (performance.now() - startedMs) / 1000);
    try {
      await runClaimed(claimOf(batches), rows);
      attempted("ok");
      advance(batches, rules, performance.now());
      return true;
    } catch (error) {
      const isFault = isTimeout(error) || !(error instanceof ClaimLost || isTransient(error));
      attempted(isFault ? "failed" : "later");
      if (error instanceof ClaimLost) onLost();
      else if (isTimeout(error)) await onTimeout(batches, error);
      else if (error instanceof DomainError && error.reason === "TIME_SLICE_OVER") {
        log.debug({ position: rows[0]!.position }, "handling events goes on in another time slice");
        for (const { state } of batches) recordProgress(state, rules, performance.now());
      } else if (isTransient(error)) {
        log.warn({ err: error, position: rows[0]!.position }, "events cannot be handled now");
        for (const { state } of batches) backOff(state, rules, performance.now());
      } else if (batches.length > 1) {
        for (const batch of batches) await processBatches([batch]);
      } else await onFailure(batches[0]!, error);
      return false;
    }
  }

  async function onTimeout(batches: PartitionBatch[], error: unknown): Promise<void> {
    const exhausted = recordTimeout(batches, rules, performance.now());
    const [first] = batches as [PartitionBatch];
    const { position, type, key } = first.rows[0]!;
    const which = { position, type, key, events: batches.flatMap(({ rows }) => rows).length };
    if (!exhausted) return log.warn({ err: error, ...which }, "handling events ran out of time");
    await park(first, error, first.state.delays);
  }

  async function onFailure(batch: PartitionBatch, error: unknown): Promise<void> {
    const { state, rows } = batch;
    const exhausted = recordFailure(batch, rules, performance.now());
    const { position, type, key } = rows[0]!;
    const which = { position, type, key, events: rows.length, attempt: state.failures };
    if (!exhausted) return log.warn({ err: error, ...which }, "handling events failed");
    await park(batch, error, state.failures);
  }

  async function park(batch: PartitionBatch, cause: unknown, attempts: number): Promise<void> {
    const [row] = batch.rows as [LogRow];
    const { position, type, key } = row;
    log.error({ err: cause, position, type, key, attempts }, "an event is parked as a dead letter");
    try {
      await db.transaction().execute(async (transaction) => {
        const untyped = transaction as unknown as Transaction<unknown>;
        await claimOf([batch])(untyped);
        await dead.park(untyped, { ...row, origin: batch.state.origin }, cause, attempts);
      });
      advance([batch], rules, performance.now());
    } catch (trouble) {
      if (trouble instanceof ClaimLost) return onLost();
      log.warn({ err: trouble }, "could not park a dead letter");
      backOff(batch.state, rules, performance.now());
    }
  }

  return {
    processBatches,
    async replay(partitions, stopping) {
      const untilMs = performance.now() + replayMs;
      for (const row of await dead.due(partitions)) {
        if (stopping() || performance.now() > untilMs) return;
        try {
          await runClaimed((on) => dead.claim(on, row), [row]);
        } catch (error) {
          if (error instanceof ClaimLost || (isTransient(error) && !isTimeout(error))) continue;
          log.warn({ err: error, position: row.position }, "a dead letter failed again");
          await dead.putBack(row, error);
        }
      }
    },
  };
}
