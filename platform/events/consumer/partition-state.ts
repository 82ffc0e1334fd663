import type { LogRow } from "../log/log-row.ts";
import type { AssignedPartition } from "./assignment.ts";

/** A partition that this member holds, and what went wrong in it lately. */
export interface PartitionState extends AssignedPartition {
  /** How often the next events have failed. */
  failures: number;
  /** Number of consecutive delayed retries. */
  delays: number;
  retryAtMs: number;
  /** Up to here events are handled one by one, because a batch with them failed or timed out. */
  oneByOneUntil: number;
  /** Since when the next event has timed out although it was handled alone. */
  timingOutSinceMs: number | undefined;
}

/** The next rows of one partition, and its position once they are handled. */
export interface PartitionBatch {
  state: PartitionState;
  rows: LogRow[];
  end: number;
}

export interface RetryRules {
  /** Attempts that an event gets before it is parked. */
  maxAttempts: number;
  /** Before the second attempt; doubles from there up to 10 s. */
  retryDelayMs: number;
  /** How long one event may time out repeatedly before it is parked. */
  slowForMs: number;
}

const maxDelayMs = 10_000;
/** An attempt that times out keeps the rest of its group waiting, so it is repeated less often. */
const maxSlowDelayMs = 60_000;

export function newPartitionState(assigned: AssignedPartition): PartitionState {
  return { ...assigned, failures: 0, delays: 0, retryAtMs: 0, oneByOneUntil: 0, timingOutSinceMs: undefined };
}

/** Number of failures of a batch after which its events are handled one by one. */
function maxBatchFailures({ maxAttempts }: RetryRules): number {
  return Math.min(2, Math.max(1, maxAttempts - 1));
}

/** Number of rows to read for a partition at once. */
export function batchSize(state: PartitionState, maxEvents: number): number {
  return isOneByOne(state) ? 1 : maxEvents;
}

function isOneByOne(state: PartitionState): boolean {
  return state.position < state.oneByOneUntil;
}

/** Whether the events of a partition may be handled together with those of others. */
export function isHealthy(state: PartitionState): boolean {
  return state.failures === 0 && !isOneByOne(state);
}

/** Records that batches are handled and committed. */
export function advance(batches: PartitionBatch[], rules: RetryRules, nowMs: number): void {
  for (const { state, end } of batches) {
    state.position = end;
    state.storedPosition = end;
    state.delays = 0;
    state.timingOutSinceMs = undefined;
    // Its next event comes after those of the other partitions that are handled one by one.
    state.retryAtMs = nowMs;
    // The failures of a batch count as attempts of each of its events.
    state.failures = end < state.oneByOneUntil ? Math.min(state.failures, maxBatchFailures(rules)) : 0;
  }
}

export function backOff(
  state: PartitionState,
  { retryDelayMs }: RetryRules,
  nowMs: number,
  maxMs = maxDelayMs,
): void {
  state.retryAtMs = nowMs + backOffMs(retryDelayMs, state.delays++, maxMs);
}

/** Records that a part of the work for the next events is done. Other partitions have their turn before the rest. */
export function recordProgress(state: PartitionState, rules: RetryRules, nowMs: number): void {
  state.delays = 0;
  state.timingOutSinceMs = undefined;
  backOff(state, rules, nowMs);
}

/** Doubles from `firstMs` up to `maxMs`. */
export function backOffMs(firstMs: number, times: number, maxMs = maxDelayMs): number {
  return Math.min(maxMs, firstMs * 2 ** times);
}

/**
 * Records a timeout; returns true when the one event that is the cause is to be parked. Usually a service or the
 * database is slow and nothing is wrong with the event. So it is retried for longer than such an outage lasts.
 */
export function recordTimeout(batches: PartitionBatch[], rules: RetryRules, nowMs: number): boolean {
  for (const { state, rows } of batches) {
    state.oneByOneUntil = Math.max(state.oneByOneUntil, Number(rows.at(-1)!.position));
    backOff(state, rules, nowMs, maxSlowDelayMs);
  }
  const [{ state, rows }] = batches as [PartitionBatch];
  if (batches.length > 1 || rows.length > 1) return false;
  state.timingOutSinceMs ??= nowMs;
  return nowMs - state.timingOutSinceMs >= rules.slowForMs;
}

/** Records a failure; returns true when the one event that is the cause is to be parked. */
export function recordFailure({ state, rows }: PartitionBatch, rules: RetryRules, nowMs: number): boolean {
  state.failures++;
  if (rows.length === 1 && state.failures >= rules.maxAttempts) return true;
  if (rows.length > 1 && state.failures >= maxBatchFailures(rules))
    state.oneByOneUntil = Number(rows.at(-1)!.position);
  backOff(state, rules, nowMs);
  return false;
}

/** Groups batches into transactions of at most `maxEvents` events, and cuts a batch where a transaction is full. */
export function* intoTransactions(batches: PartitionBatch[], maxEvents: number): Generator<PartitionBatch[]> {
  let filling: PartitionBatch[] = [];
  let room = maxEvents;
  for (const { state, rows, end } of batches) {
    for (let i = 0; i < rows.length; ) {
      const part = rows.slice(i, i + room);
      i += part.length;
      room -= part.length;
      filling.push({ state, rows: part, end: i === rows.length ? end : Number(part.at(-1)!.position) });
      if (room > 0) continue;
      yield filling;
      filling = [];
      room = maxEvents;
    }
  }
  if (filling.length > 0) yield filling;
}
