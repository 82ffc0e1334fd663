export interface Endpoint {
  url: string;
  weight: number;
}

interface Options {
  /** Rejects if the server could not be asked. */
  ask(): Promise<readonly Endpoint[]>;
  /** Where to connect while it has not been said. */
  here: string;
  random?: () => number;
  now?: () => number;
}

const KNOWN_MS = 5 * 60_000;

/** Where to connect next: at random, each as often as its weight says, and not twice in a row where there are others. */
export function createEndpoints({ ask, here, random = Math.random, now = Date.now }: Options) {
  let known: readonly Endpoint[] = [];
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let last: string | undefined;
  return {
    async next(): Promise<string> {
      if (now() - askedAtMs > KNOWN_MS) {
        try {
          known = await ask();
          askedAtMs = now();
        } catch {
          // What was known before is as good as it was.
        }
      }
      const others = known.filter(({ url }) => url !== last);
      const choice = others.length > 0 ? others : known;
      let left = random() * choice.reduce((sum, { weight }) => sum + weight, 0);
      last = choice.find(({ weight }) => {
        left -= weight;
        return left < 0;
      })?.url;
      return last ?? choice[0]?.url ?? here;
    },
  };
}
