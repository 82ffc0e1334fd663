/** Pictures per second that are compared, and their size: enough to see a cut, small enough to hold a minute. */
export const SAMPLES_PER_SECOND = 4;
export const SAMPLE_SIDE_PX = 32;
export const SAMPLED_SECONDS = 60;
export const SAMPLE_BYTES = SAMPLE_SIDE_PX ** 2;

/** Of 255. A darker or flatter picture says nothing about a video. */
const DARKEST_MEAN = 20;
const FLATTEST_DEVIATION = 6;

export const SAMPLE_SIZE = `scale=${SAMPLE_SIDE_PX}:${SAMPLE_SIDE_PX}:flags=area,format=gray`;
/** Of pictures that begin at zero. */
export const SAMPLE_FILTER = `fps=${SAMPLES_PER_SECOND}:start_time=0,trim=end_frame=${SAMPLES_PER_SECOND * SAMPLED_SECONDS},${SAMPLE_SIZE}`;

/** How many times are offered to choose from, and how far they are apart at least. */
const OFFERED = 3;
const APART_MS = 1000;

/**
 * Chooses times for a cover from grey samples (SAMPLE_FILTER, in order), the best first: samples that differ most from
 * the one before and are neither black nor blank. Milliseconds from the start.
 */
export function chooseCoverTimesMs(samples: Uint8Array): [number, ...number[]] {
  const scored: { ms: number; score: number }[] = [];
  for (let index = 0; (index + 1) * SAMPLE_BYTES <= samples.length; index++) {
    const picture = sampleAt(samples, index);
    const change = index === 0 ? 0 : difference(sampleAt(samples, index - 1), picture);
    // A plain picture is better than none: it competes with a thousandth of its change.
    const score = tellsSomething(picture) ? 1 + change : change / 1000;
    scored.push({ ms: Math.round((index * 1000) / SAMPLES_PER_SECOND), score });
  }
  const chosen: number[] = [];
  for (const { ms } of scored.sort((a, b) => b.score - a.score || a.ms - b.ms))
    if (chosen.length < OFFERED && chosen.every((other) => Math.abs(other - ms) >= APART_MS)) chosen.push(ms);
  const [best = 0, ...others] = chosen;
  return [best, ...others];
}

function sampleAt(samples: Uint8Array, index: number): Uint8Array {
  return samples.subarray(index * SAMPLE_BYTES, (index + 1) * SAMPLE_BYTES);
}

/** Mean absolute difference, 0 to 255. */
function difference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]!), 0) / a.length;
}

function tellsSomething(picture: Uint8Array): boolean {
  const mean = picture.reduce((sum, value) => sum + value, 0) / picture.length;
  const variance = picture.reduce((sum, value) => sum + (value - mean) ** 2, 0) / picture.length;
  return mean >= DARKEST_MEAN && Math.sqrt(variance) >= FLATTEST_DEVIATION;
}
