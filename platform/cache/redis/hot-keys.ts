/** Keys that are asked for more often than others, with bounded memory. */
export interface HotKeys {
  /** Counts one use of a key; true if it is hot. */
  isHot(key: string): boolean;
}

/** So many keys are counted; one of them is certainly every key with more than its share of all uses. */
const counted = 256;
/** In one window, so many uses make a key hot. */
const hotUses = 8;
const windowMs = 1_000;

/**
 * Space-saving counters (Metwally et al. 2005): a key that is not counted takes the place, and the count, of the one with
 * the fewest uses, so that frequent keys are never missed and rare ones are at most overestimated by that count. Counts
 * are halved with every window.
 */
export function createHotKeys(nowMs: () => number = () => performance.now()): HotKeys {
  const uses = new Map<string, number>();
  let endsMs = nowMs() + windowMs;

  function halve(): void {
    for (const [key, count] of uses) {
      if (count > 1) uses.set(key, count >> 1);
      else uses.delete(key);
    }
  }

  function fewest(): [string, number] {
    let least: [string, number] = ["", Number.POSITIVE_INFINITY];
    for (const entry of uses) {
      if (entry[1] < least[1]) least = entry;
      if (entry[1] === 1) break;
    }
    return least;
  }

  return {
    isHot(key) {
      const now = nowMs();
      if (now >= endsMs) {
        halve();
        endsMs = now + windowMs;
      }
      const known = uses.get(key);
      if (known !== undefined) {
        uses.set(key, known + 1);
        return known + 1 >= hotUses;
      }
      if (uses.size < counted) {
        uses.set(key, 1);
        return false;
      }
      const [replaced, count] = fewest();
      uses.delete(replaced);
      uses.set(key, count + 1);
      // Its own uses may be but this one.
      return false;
    },
  };
}
