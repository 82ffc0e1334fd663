import type { Operation } from "./history.ts";

/**
 * Whether every read of a counter is possible: no smaller than what was certainly there when it was called and not
 * certainly taken back when it was answered, no larger than what was possibly there. `members` are the histories of
 * those who are counted, each a register of true or false that one client writes, one write after the other. Returns
 * the reads that are not. The check is that of Jepsen's counter.
 */
export function impossibleReads(
  reads: readonly Operation<number>[],
  members: readonly (readonly Operation<boolean>[])[],
): string[] {
  return reads.flatMap(({ value, calledMs, answeredMs }) => {
    let least = 0;
    let most = 0;
    for (const writes of members) {
      const possible = valuesDuring(writes, calledMs, answeredMs);
      if (!possible.has(false)) least++;
      if (possible.has(true)) most++;
    }
    const fits = least <= value && value <= most;
    return fits
      ? []
      : [
          `${value} read between ${calledMs.toFixed(1)} and ${answeredMs.toFixed(1)}, possible are ${least} to ${most}`,
        ];
  });
}

/** What a member's register may have been at some time in between. A write without an answer may still come. */
function valuesDuring(writes: readonly Operation<boolean>[], fromMs: number, toMs: number): Set<boolean> {
  const unanswered: boolean[] = [];
  let possible = new Set([false]);
  for (const { value, calledMs, answeredMs } of writes) {
    if (calledMs > toMs) break;
    if (answeredMs === Number.POSITIVE_INFINITY) unanswered.push(value);
    // Answered before the read began: what was before it is over.
    if (answeredMs < fromMs) possible = new Set([value, ...unanswered]);
    else possible.add(value);
  }
  return possible;
}
