/** One side of a comparison: measures once. */
export type Measure = () => Promise<number>;

export interface Comparison {
  ours: number;
  ceiling: number;
  /** Median of the rounds' own ratios: a slow phase of the machine affects both sides of a round. */
  ratio: number;
  rounds: { ours: number; ceiling: number }[];
}

/** Measures A B A B …, so that both see the same machine. The first pair warms up and does not count. */
export async function compare(rounds: number, ours: Measure, ceiling: Measure): Promise<Comparison> {
  const pairs: { ours: number; ceiling: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = { ours: await ours(), ceiling: await ceiling() };
    console.error(
      `  ${round === 0 ? "warm-up" : `round ${round}`}: ${shown(pair.ours)} / ${shown(pair.ceiling)}`,
    );
    if (round > 0) pairs.push(pair);
  }
  return {
    ours: median(pairs.map((pair) => pair.ours)),
    ceiling: median(pairs.map((pair) => pair.ceiling)),
    ratio: median(pairs.map((pair) => pair.ours / pair.ceiling)),
    rounds: pairs,
  };
}

export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Four significant digits. */
export function shown(number: number): string {
  return Number(number.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 3 });
}
