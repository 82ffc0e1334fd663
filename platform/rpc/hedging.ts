import type { Exchange } from "./exchange.ts";
import { isServiceError } from "./status.ts";

/**
 * Asks a second peer when the first has not answered after `afterMs`, takes what comes first and cancels the other
 * (Dean and Barroso, "The Tail at Scale", 2013). `another` may decline. An error that a peer did not answer itself
 * decides nothing while the other is still asked.
 */
export function hedged(
  first: Exchange,
  { afterMs, another }: { afterMs: number; another: () => Exchange | undefined },
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const underWay = new Set<Exchange>();
    const timer = setTimeout(() => {
      const second = another();
      if (second) follow(second);
    }, afterMs);

    function follow(one: Exchange): void {
      underWay.add(one);
      const end = (settle: () => void) => {
        underWay.delete(one);
        clearTimeout(timer);
        settle();
        for (const other of underWay) other.cancel();
        underWay.clear();
      };
      one.answer.then(
        (answer) => end(() => resolve(answer)),
        (error) => {
          if (underWay.size > 1 && isServiceError(error)) underWay.delete(one);
          else end(() => reject(error));
        },
      );
    }
    follow(first);
  });
}
