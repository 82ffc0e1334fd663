/** What the balancer knows of one instance. */
export interface Balanced {
  /** Calls that this process has under way there. */
  inFlight: number;
  /** What the instance last said of its load, in calls, and when. */
  reported: number;
  reportedAtMs: number;
  /** Until then it is fresh: caches are cold, code is not compiled yet. */
  warmAtMs: number;
  /** Of a fresh instance: the part of the next call that it has earned. */
  credit: number;
}

export const warmUpMs = 10_000;
/** The share of the choices in which a fresh instance takes part at first. */
const firstShare = 0.1;
/** A report counts half after so long: the instance may have done its work since. */
const halfLifeMs = 500;

/**
 * Chooses the less loaded of two random instances, by what is in flight here and what they reported: nearly as even as
 * asking all, without everybody running to the same one (Mitzenmacher, "The Power of Two Choices", 2001). A fresh
 * instance is called at once, then takes part in a share of the choices that grows to all of them.
 */
export function createBalancer({ now, random }: { now: () => number; random: () => number }) {
  const score = (one: Balanced, nowMs: number) =>
    one.inFlight + one.reported * 0.5 ** ((nowMs - one.reportedAtMs) / halfLifeMs);

  return function choose<T extends Balanced>(candidates: readonly T[]): T {
    if (candidates.length === 1) return candidates[0]!;
    const nowMs = now();
    const isFresh = ({ warmAtMs }: T) => nowMs < warmAtMs;
    const takesPart = (one: T) => {
      if (!isFresh(one)) return true;
      const warm = 1 - (one.warmAtMs - nowMs) / warmUpMs;
      one.credit = Math.min(1, one.credit + Math.max(firstShare, warm));
      return one.credit === 1;
    };
    const earned = candidates.some(isFresh) ? candidates.filter(takesPart) : candidates;
    const among = earned.length > 0 ? earned : candidates;
    const i = Math.floor(random() * among.length);
    const first = among[i]!;
    if (among.length === 1) return take(first);
    const second = among[(i + 1 + Math.floor(random() * (among.length - 1))) % among.length]!;
    return take(score(second, nowMs) < score(first, nowMs) ? second : first);
  };
}

function take<T extends Balanced>(chosen: T): T {
  chosen.credit = 0;
  return chosen;
}
