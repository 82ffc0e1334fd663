import type { Lease } from "./leases.ts";
import type { LogRow } from "./log-row.ts";

/** A partition that this member holds, and what went wrong in it lately. */
export interface PartitionState extends Lease {
  /** How often what comes next has failed. */
  failures: number;
  /** Number of times in a row that it was tried again later. */
  delays: number;
  retryAtMs: number;
  /** Up to here events are handled one by one, after a failure or a timeout together. */
  aloneUntil: number;
  /** Since when the next event runs out of time, handled alone. */
  slowSinceMs: number | undefined;
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
  /** How long one event may run out of time, again and again, before it is parked. */
  slowForMs: number;
}

const maxDelayMs = 10_000;
/** An attempt that runs out of time keeps the rest of its group waiting, so it is repeated less often. */
const maxSlowDelayMs = 60_000;

export function newPartitionState(lease: Lease): PartitionState {
  return { ...lease, failures: 0, delays: 0, retryAtMs: 0, aloneUntil: 0, slowSinceMs: undefined };
}

/** Number of failures together before events are handled one by one. */
function failuresTogether({ maxAttempts }: RetryRules): number {
  return Math.min(2, Math.max(1, maxAttempts - 1));
}

/** Number of rows to read for a partition at once. */
export function batchSize(state: PartitionState, maxEvents: number): number {
  return isAlone(state) ? 1 : maxEvents;
}

function isAlone(state: PartitionState): boolean {
  return state.position < state.aloneUntil;
}

/** Whether the events of a partition may be handled together with those of others. */
export function isHealthy(state: PartitionState): boolean {
  return state.failures === 0 && !isAlone(state);
}

/** Notes that batches are handled and committed. */
export function advance(batches: PartitionBatch[], rules: RetryRules, nowMs: number): void {
  for (const { state, end } of batches) {
    state.position = end;
    state.storedPosition = end;
    state.delays = 0;
    state.slowSinceMs = undefined;
    // The next one waits for the other partitions that are handled one by one.
    state.retryAtMs = nowMs;
    // Within a batch that failed, the failures together count as attempts of each event.
    state.failures = end < state.aloneUntil ? Math.min(state.failures, failuresTogether(rules)) : 0;
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

/** Doubles from `firstMs` up to `maxMs`. */
export function backOffMs(firstMs: number, times: number, maxMs = maxDelayMs): number {
  return Math.min(maxMs, firstMs * 2 ** times);
}

/**
 * Notes that batches ran out of time; true when the one event that is the cause is to be parked. Usually a service or the
 * database is slow and nothing is wrong with the event. So it is tried for longer than such trouble lasts before the
 * events behind it go on without it.
 */
export function noteTimeout(batches: PartitionBatch[], rules: RetryRules, nowMs: number): boolean {
  for (const { state, rows } of batches) {
    state.aloneUntil = Math.max(state.aloneUntil, Number(rows.at(-1)!.position));
    backOff(state, rules, nowMs, maxSlowDelayMs);
  }
  const [{ state, rows }] = batches as [PartitionBatch];
  if (batches.length > 1 || rows.length > 1) return false;
  state.slowSinceMs ??= nowMs;
  return nowMs - state.slowSinceMs >= rules.slowForMs;
}

/** Notes a failure; true when the one event that is the cause is to be parked. */
export function noteFailure({ state, rows }: PartitionBatch, rules: RetryRules, nowMs: number): boolean {
  state.failures++;
  if (rows.length === 1 && state.failures >= rules.maxAttempts) return true;
  if (rows.length > 1 && state.failures >= failuresTogether(rules))
    state.aloneUntil = Number(rows.at(-1)!.position);
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
