import { fnv1a } from "../hash/fnv1a.ts";

/** More than this many times the mean of what is in flight is too much for one instance. */
const fairShare = 1.25;
/** No instance is full with fewer calls in flight than this: calls for one key are worth most at the same place. */
const roomFor = 64;

interface Instance {
  readonly address: string;
  inFlight: number;
}

/**
 * The instance for all calls with this key, the next one in the key's own order when that is full (rendezvous hashing
 * with the bounded loads of Mirrokni, Thorup and Zadimoghaddam, 2017): when an instance comes or goes, only its own
 * share of the keys moves. Every process has the same order.
 */
export function chooseByKey<T extends Instance>(candidates: readonly T[], key: string): T {
  const all = candidates.reduce((sum, { inFlight }) => sum + inFlight, 1);
  const bound = Math.max(roomFor, Math.ceil((fairShare * all) / candidates.length));
  const keyHash = fnv1a(key);
  let chosen: T | undefined;
  let best = -1;
  for (const one of candidates) {
    const rank = mixed(fnv1a(one.address) ^ keyHash);
    if (one.inFlight >= bound || rank <= best) continue;
    chosen = one;
    best = rank;
  }
  return chosen!;
}

/** MurmurHash3's last step: every bit of the input changes half of the output. */
function mixed(hash: number): number {
  let mix = hash ^ (hash >>> 16);
  mix = Math.imul(mix, 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
