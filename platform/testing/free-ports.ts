import { freePort } from "#platform/net/free-port.ts";

/**
 * Below the ports that systems give to outgoing connections, which could take that of an engine between two starts, and
 * below those of `npm run cluster`. Each worker of the test runner has some of its own, for the same reason: two have the
 * suite, and one has the tests of the cluster, which may run at the same time.
 */
const lowest = 12_000;
const ofEach = 3_000;
const ofSuite = 2;

/** Unused ports, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const { TEST_SHAPE, VITEST_POOL_ID = 0 } = process.env;
  const worker = TEST_SHAPE === "cluster" ? ofSuite : Number(VITEST_POOL_ID) % ofSuite;
  const from = lowest + ofEach * worker;
  const found: number[] = [];
  while (found.length < count) found.push(await freePort([from, from + ofEach], found));
  return found;
}
