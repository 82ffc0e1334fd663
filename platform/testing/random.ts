/**
 * The seed of a randomized test: TEST_SEED, or another one each time. It is printed, so that a run can be repeated as
 * far as the machine schedules it the same way.
 */
export function testSeed(what: string): number {
  const given = process.env.TEST_SEED;
  const seed = given === undefined ? Date.now() % 2 ** 32 : Number(given);
  process.stdout.write(`${what}: TEST_SEED=${seed}\n`);
  return seed;
}

export type Random = ReturnType<typeof randomOf>;

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(next() * end);
  return {
    next,
    below,
    chance: (share: number) => next() < share,
    of: <T>(choices: readonly T[]): T => choices[below(choices.length)]!,
    bytes: (size: number) => Buffer.from(Array.from({ length: size }, () => below(256))),
  };
}
