import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** A part of the system that can fail while the rest works. */
export interface Part {
  /** `REASON: what cannot be done now, and what to do`, readable for anybody; undefined if all is well. */
  look(): Promise<string | undefined>;
  /** How long a good result is reused. */
  freshMs: number;
  /** A look takes longer than anybody waits for it: what it finds is reported with a later answer. */
  slow?: boolean;
}

export interface Degraded {
  /** By part: what cannot be done now. */
  problems(): Promise<Record<string, string>>;
}

/** Failures are checked more often, so that their end is noticed soon. */
const troubleFreshMs = 5_000;
/** A slow check is reported with the next answer: a health request waits only briefly. */
const patienceMs = 300;

interface State extends Part {
  problem?: string | undefined;
  lookedAtMs: number;
  looking?: Promise<void> | undefined;
  failing?: boolean;
}

/**
 * What each part cannot do now, for /readyz and as `douya_degraded` in /metrics. Parts are checked on request, one
 * check at a time and not while the last result is fresh. A check that throws changes nothing and is logged: without
 * a database, for example, the process is not ready anyway.
 */
export function watchParts(
  parts: Record<string, Part>,
  { metrics, log }: { metrics: Metrics; log: Logger },
): Degraded {
  const states = new Map<string, State>(
    Object.entries(parts).map(([name, part]) => [name, { ...part, lookedAtMs: Number.NEGATIVE_INFINITY }]),
  );

  function look([part, state]: [string, State]): Promise<void> | undefined {
    const freshMs = state.problem ? Math.min(state.freshMs, troubleFreshMs) : state.freshMs;
    if (state.looking || performance.now() - state.lookedAtMs < freshMs) return state.looking;
    state.looking = state
      .look()
      .then(
        (problem) => {
          state.problem = problem;
          state.failing = false;
        },
        (error) => {
          if (!state.failing) log.warn({ err: error, part }, "could not look how a part is");
          state.failing = true;
        },
      )
      .finally(() => {
        state.lookedAtMs = performance.now();
        state.looking = undefined;
      });
    return state.looking;
  }

  async function problems(): Promise<Record<string, string>> {
    const under = [...states].flatMap((one) => {
      const looking = look(one);
      return looking && !one[1].slow ? [looking] : [];
    });
    if (under.length > 0) await settledWithin(under);
    const found = [...states].map(([name, { problem }]) => [name, problem]);
    return Object.fromEntries(found.filter(([, problem]) => problem !== undefined));
  }

  metrics.gauges("douya_degraded", "Parts that cannot do what they should; see /readyz", "part", async () => {
    const found = await problems();
    return [...states.keys()].map((part) => ({ labels: { part }, value: part in found ? 1 : 0 }));
  });
  return { problems };
}

async function settledWithin(looks: Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([Promise.all(looks), late]);
  clearTimeout(timer);
}
