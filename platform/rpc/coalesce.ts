import { createBatcher } from "../db/batcher.ts";
import { colourOf } from "../observe/trace-context.ts";
import { type Call, mergeCalls, waitWithinDeadline } from "./call.ts";

/** Two calls are under way at once, so that neither side waits for the other. */
const limits = { maxBatch: 64, parallel: 2 };
/** A request with this many ids and its response each fit into one message. */
const maxIds = 2000;

interface BatchSize {
  /** Requests that go on at a time. */
  maxBatch?: number;
}

/**
 * Merges concurrent requests into one call. The call has no caller and the latest deadline of its requests; each
 * request keeps its own deadline. Traffic of different colours is not merged. The call ends when no request waits for it. `idsIn` counts the ids of a request,
 * one if it is absent; too many for one message become several calls.
 */
export function coalesce<Asked, Answer>(
  load: (asked: Asked[], call: Call) => Promise<Answer[]>,
  { idsIn, maxBatch = limits.maxBatch }: BatchSize & { idsIn?: (asked: Asked) => number } = {},
): (asked: Asked, call: Call) => Promise<Answer> {
  interface Request {
    asked: Asked;
    call: Call;
  }
  async function loadAll(requests: Request[], signal: AbortSignal): Promise<Answer[]> {
    const call = { ...mergeCalls(requests.map(({ call }) => call)), signal };
    const all = requests.map(({ asked }) => asked);
    const answers = await Promise.all(chunks(all, idsIn).map((portion) => load(portion, call)));
    return answers.flat();
  }
  const ask = createBatcher(
    async (requests: Request[], { signal }) => {
      const colours = new Set(requests.map(({ call }) => colourOf(call.traceId)));
      if (colours.size === 1) return loadAll(requests, signal);
      const answers = new Map<Request, Answer>();
      const ofColour = async (colour: string | undefined) => {
        const own = requests.filter(({ call }) => colourOf(call.traceId) === colour);
        for (const [i, answer] of (await loadAll(own, signal)).entries()) answers.set(own[i]!, answer);
      };
      await Promise.all([...colours].map(ofColour));
      return requests.map((request) => answers.get(request)!);
    },
    { ...limits, maxBatch },
  );
  return (asked, call) => waitWithinDeadline(call, (waited) => ask({ asked, call }, waited));
}

/**
 * The same for entries by id that look the same to everybody: each id is loaded once, and every request gets all
 * entries.
 */
export function coalesceById<T>(
  load: (ids: string[], call: Call) => Promise<T[]>,
  idOf: (entry: T) => string,
  size?: BatchSize,
): (ids: string[], call: Call) => Promise<ReadonlyMap<string, T>> {
  return coalesce(async (asked: string[][], call) => {
    const ids = [...new Set(asked.flat())];
    const found = await Promise.all(chunks(ids).map((portion) => load(portion, call)));
    const byId = new Map(found.flat().map((entry) => [idOf(entry), entry]));
    return asked.map(() => byId);
  }, size);
}

/** Each chunk has as many ids as fit into a message, or is a single larger request. */
function chunks<T>(all: T[], idsIn: (one: T) => number = () => 1): T[][] {
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
