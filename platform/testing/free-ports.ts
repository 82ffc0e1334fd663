import { freePort } from "#platform/net/free-port.ts";

/**
 * Below the ports that systems give to outgoing connections, which could take that of an engine between two starts, and
 * below those of `npm run cluster`. Each worker of the test runner has some of its own, for the same reason.
 */
const lowest = 12_000;
const ofEach = 5_000;
/** How many files run at once: two cores do no more with a third. */
export const testWorkers = 2;

/** Unused ports, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const from = lowest + ofEach * (Number(process.env.VITEST_POOL_ID ?? 0) % testWorkers);
  const found: number[] = [];
  while (found.length < count) found.push(await freePort([from, from + ofEach], found));
  return found;
}
