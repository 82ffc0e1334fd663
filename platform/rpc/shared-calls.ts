import { createBatcher } from "../db/batcher.ts";
import { type Call, withinDeadline } from "./call.ts";

/** Concurrent requests that share a call; two calls are under way, so that neither side waits for the other. */
const sharing = { maxBatch: 64, parallel: 2 };
/** So that a question and its answer fit into a message. */
const maxIds = 2000;

/**
 * Has concurrent requests share one call: `load` gets what they ask, and a call on nobody's behalf that lasts as long
 * as the last of them may wait; each of them waits no longer than it may itself. `idsIn` tells how many ids one asks
 * about: what is too much for one message is asked in several.
 */
export function shared<Asked, Answer>(
  load: (asked: Asked[], call: Call) => Promise<Answer[]>,
  idsIn: (asked: Asked) => number = () => 1,
): (asked: Asked, call: Call) => Promise<Answer> {
  const ask = createBatcher(async (requests: { asked: Asked; call: Call }[]) => {
    const deadlineMs = Math.max(...requests.map(({ call }) => call.deadlineMs));
    const call = { traceId: requests[0]!.call.traceId, deadlineMs };
    const all = requests.map(({ asked }) => asked);
    const answers = await Promise.all(portions(all, idsIn).map((portion) => load(portion, call)));
    return answers.flat();
  }, sharing);
  return (asked, call) => withinDeadline(call, (waited) => ask({ asked, call }, waited));
}

/** The same for what is asked by id and is the same for everybody: each id is asked once, and all get everything. */
export function sharedById<T>(
  load: (ids: string[], call: Call) => Promise<T[]>,
  idOf: (entry: T) => string,
): (ids: string[], call: Call) => Promise<ReadonlyMap<string, T>> {
  return shared(async (asked: string[][], call) => {
    const ids = [...new Set(asked.flat())];
    const found = await Promise.all(portions(ids).map((portion) => load(portion, call)));
    const byId = new Map(found.flat().map((entry) => [idOf(entry), entry]));
    return asked.map(() => byId);
  });
}

/** Each with as many ids as a message takes, or with a single one that has more. */
function portions<T>(all: T[], idsIn: (one: T) => number = () => 1): T[][] {
  const cut: T[][] = [];
  let room = 0;
  for (const one of all) {
    const ids = idsIn(one);
    if (cut.length === 0 || ids > room) {
      cut.push([]);
      room = maxIds;
    }
    cut.at(-1)!.push(one);
    room -= ids;
  }
  return cut;
}
