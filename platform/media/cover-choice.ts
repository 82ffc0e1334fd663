/** Pictures per second that are compared, and their size: enough to see a cut, small enough to hold a minute. */
export const SAMPLES_PER_SECOND = 4;
export const SAMPLE_SIDE_PX = 32;
export const SAMPLED_SECONDS = 60;
const SAMPLE_PIXELS = SAMPLE_SIDE_PX ** 2;

/** Of 255. A darker or flatter picture says nothing about a video. */
const DARKEST_MEAN = 20;
const FLATTEST_DEVIATION = 6;

export const SAMPLE_SIZE = `scale=${SAMPLE_SIDE_PX}:${SAMPLE_SIDE_PX}:flags=area,format=gray`;
export const SAMPLE_FILTER = `fps=${SAMPLES_PER_SECOND}:start_time=0,${SAMPLE_SIZE}`;

/**
 * Chooses the time of a cover from grey samples (SAMPLE_FILTER, in order): the sample that differs most from the one
 * before it and is neither black nor blank. Returns milliseconds from the start.
 */
export function chooseCoverMs(samples: Uint8Array): number {
  let best = { index: 0, score: -1 };
  for (let index = 0; (index + 1) * SAMPLE_PIXELS <= samples.length; index++) {
    const picture = sampleAt(samples, index);
    const change = index === 0 ? 0 : difference(sampleAt(samples, index - 1), picture);
    // A plain picture is better than none: it competes with a thousandth of its change.
    const score = tellsSomething(picture) ? 1 + change : change / 1000;
    if (score > best.score) best = { index, score };
  }
  return Math.round((best.index * 1000) / SAMPLES_PER_SECOND);
}

function sampleAt(samples: Uint8Array, index: number): Uint8Array {
  return samples.subarray(index * SAMPLE_PIXELS, (index + 1) * SAMPLE_PIXELS);
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
