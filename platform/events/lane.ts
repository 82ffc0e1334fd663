import type { Lease } from "./leases.ts";
import type { LogRow } from "./log-row.ts";

/** A partition in our hands, with what went wrong in it lately. */
export interface Lane extends Lease {
  /** How often what comes next has failed. */
  failures: number;
  /** How often it was put off in a row, by failures or because the time was not right. */
  delays: number;
  retryAtMs: number;
  /** Up to here events are handled one by one, to find the one that fails or because there was no time for more. */
  aloneUntil: number;
  /** Since when the next event has run out of time although it was handled alone. */
  slowSinceMs: number | undefined;
}

/** Rows of one partition, and where it stands once they are done. */
export interface Portion {
  lane: Lane;
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

export function newLane(lease: Lease): Lane {
  return { ...lease, failures: 0, delays: 0, retryAtMs: 0, aloneUntil: 0, slowSinceMs: undefined };
}

/** So often events fail together before they are handled one by one. */
function failuresTogether({ maxAttempts }: RetryRules): number {
  return Math.min(2, Math.max(1, maxAttempts - 1));
}

/** How many rows to read for a lane at once. */
export function portionSize(lane: Lane, batch: number): number {
  return isAlone(lane) ? 1 : batch;
}

function isAlone(lane: Lane): boolean {
  return lane.position < lane.aloneUntil;
}

/** Whether a lane's events may be handled together with those of others. */
export function isSound(lane: Lane): boolean {
  return lane.failures === 0 && !isAlone(lane);
}

/** Notes that portions are done and stored. */
export function advance(portions: Portion[], rules: RetryRules, nowMs: number): void {
  for (const { lane, end } of portions) {
    lane.position = end;
    lane.storedPosition = end;
    lane.delays = 0;
    lane.slowSinceMs = undefined;
    // The next one waits for the other partitions that are handled one by one.
    lane.retryAtMs = nowMs;
    // In the midst of those that failed together the next one has the attempts that it failed in company.
    lane.failures = end < lane.aloneUntil ? Math.min(lane.failures, failuresTogether(rules)) : 0;
  }
}

export function putOff(lane: Lane, { retryDelayMs }: RetryRules, nowMs: number, maxMs = maxDelayMs): void {
  lane.retryAtMs = nowMs + backOffMs(retryDelayMs, lane.delays++, maxMs);
}

/** Doubles from `firstMs` up to `maxMs`. */
export function backOffMs(firstMs: number, times: number, maxMs = maxDelayMs): number {
  return Math.min(maxMs, firstMs * 2 ** times);
}

/**
 * Notes that portions ran out of time; true when it is time to park the one event that is the cause. Usually a service or
 * the database is slow and nothing is wrong with the event. So it is tried for longer than such trouble lasts, and only
 * then makes way for those behind it.
 */
export function noteSlow(portions: Portion[], rules: RetryRules, nowMs: number): boolean {
  for (const { lane, rows } of portions) {
    lane.aloneUntil = Math.max(lane.aloneUntil, Number(rows.at(-1)!.position));
    putOff(lane, rules, nowMs, maxSlowDelayMs);
  }
  const [{ lane, rows }] = portions as [Portion];
  if (portions.length > 1 || rows.length > 1) return false;
  lane.slowSinceMs ??= nowMs;
  return nowMs - lane.slowSinceMs >= rules.slowForMs;
}

/** Notes a failure; true when it is time to park the one event that is the cause. */
export function noteFailure({ lane, rows }: Portion, rules: RetryRules, nowMs: number): boolean {
  lane.failures++;
  if (rows.length === 1 && lane.failures >= rules.maxAttempts) return true;
  if (rows.length > 1 && lane.failures >= failuresTogether(rules))
    lane.aloneUntil = Number(rows.at(-1)!.position);
  putOff(lane, rules, nowMs);
  return false;
}

/** Fills batches with portions one after the other, cutting them where a batch is full. */
export function* inBatches(portions: Portion[], batch: number): Generator<Portion[]> {
  let filling: Portion[] = [];
  let room = batch;
  for (const { lane, rows, end } of portions) {
    for (let i = 0; i < rows.length; ) {
      const part = rows.slice(i, i + room);
      i += part.length;
      room -= part.length;
      filling.push({ lane, rows: part, end: i === rows.length ? end : Number(part.at(-1)!.position) });
      if (room > 0) continue;
      yield filling;
      filling = [];
      room = batch;
    }
  }
  if (filling.length > 0) yield filling;
}
