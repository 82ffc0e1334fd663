import { createBatcher } from "../db/batcher.ts";
import { type Call, withinDeadline } from "./call.ts";

/** Concurrent requests that share a call; two calls are under way, so that neither side waits for the other. */
const sharing = { maxBatch: 64, parallel: 2 };
/** So that an answer fits into a message. */
const maxIds = 2000;

/**
 * Has concurrent requests share one call: `load` gets what they ask, and a call on nobody's behalf that lasts as long
 * as the last of them may wait; each of them waits no longer than it may itself.
 */
export function shared<Asked, Answer>(
  load: (asked: Asked[], call: Call) => Promise<Answer[]>,
): (asked: Asked, call: Call) => Promise<Answer> {
  const ask = createBatcher((requests: { asked: Asked; call: Call }[]) => {
    const deadlineMs = Math.max(...requests.map(({ call }) => call.deadlineMs));
    const call = { traceId: requests[0]!.call.traceId, deadlineMs };
    return load(
      requests.map(({ asked }) => asked),
      call,
    );
  }, sharing);
  return (asked, call) => withinDeadline(call, () => ask({ asked, call }));
}

/** The same for what is asked by id and is the same for everybody: each id is asked once, and all get everything. */
export function sharedById<T>(
  load: (ids: string[], call: Call) => Promise<T[]>,
  idOf: (entry: T) => string,
): (ids: string[], call: Call) => Promise<ReadonlyMap<string, T>> {
  return shared(async (asked: string[][], call) => {
    const ids = [...new Set(asked.flat())];
    const portions: string[][] = [];
    for (let i = 0; i < ids.length; i += maxIds) portions.push(ids.slice(i, i + maxIds));
    const found = await Promise.all(portions.map((portion) => load(portion, call)));
    const byId = new Map(found.flat().map((entry) => [idOf(entry), entry]));
    return asked.map(() => byId);
  });
}
