import type { Operation } from "./history.ts";

/**
 * Whether the operations on one register can be put in an order in which each lies between its call and its answer, and
 * every read sees the write before it. A set is a register of true or false per element. Returns undefined if so,
 * otherwise the shortest story of why not. The search is that of Wing and Gong with Lowe's memory of what was tried
 * ("Testing for linearizability", 2016).
 */
export function notLinearizable<Value>(
  history: readonly Operation<Value>[],
  initial: Value,
): string | undefined {
  const read = new Set(history.filter(({ kind }) => kind === "read").map(({ value }) => value));
  const operations = history
    // A write without an answer that nobody saw may as well not have happened.
    .filter(({ value, answeredMs }) => answeredMs !== Number.POSITIVE_INFINITY || read.has(value))
    .sort((one, other) => one.calledMs - other.calledMs);
  const required = operations.filter(({ answeredMs }) => answeredMs !== Number.POSITIVE_INFINITY).length;
  const tried = new Set<string>();
  const taken = new Uint8Array(operations.length);
  let longest = -1;
  let stuck: Operation<Value>[] = [];
  let stuckValue = initial;

  // Each step of the search: which operation came next, and what the value was before.
  const path: { index: number; before: Value }[] = [];
  let value = initial;
  let done = 0;
  let from = 0;
  for (;;) {
    if (done === required) return undefined;
    const next = findNext(from);
    if (next !== undefined) {
      path.push({ index: next, before: value });
      take(next);
      from = 0;
      continue;
    }
    if (done > longest) {
      longest = done;
      stuck = possible().map((index) => operations[index]!);
      stuckValue = value;
    }
    const last = path.pop();
    if (!last) return describe(stuck, stuckValue, longest, required);
    taken[last.index] = 0;
    if (operations[last.index]!.answeredMs !== Number.POSITIVE_INFINITY) done--;
    value = last.before;
    from = last.index + 1;
  }

  function take(index: number): void {
    const operation = operations[index]!;
    taken[index] = 1;
    if (operation.answeredMs !== Number.POSITIVE_INFINITY) done++;
    if (operation.kind === "write") value = operation.value;
  }

  /** The first operation at or after `start` that can be next and leads to something that was not tried. */
  function findNext(start: number): number | undefined {
    for (const index of possible()) {
      if (index < start) continue;
      const operation = operations[index]!;
      if (operation.kind === "read" && operation.value !== value) continue;
      const after = operation.kind === "write" ? operation.value : value;
      taken[index] = 1;
      const state = `${after} ${remaining()}`;
      taken[index] = 0;
      if (tried.has(state)) continue;
      tried.add(state);
      return index;
    }
    return undefined;
  }

  /** Those that were called before any other one that is left was answered. */
  function possible(): number[] {
    let earliestMs = Number.POSITIVE_INFINITY;
    const found: number[] = [];
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i]!;
      if (operation.calledMs > earliestMs) break;
      if (taken[i]) continue;
      found.push(i);
      earliestMs = Math.min(earliestMs, operation.answeredMs);
    }
    return found.filter((index) => operations[index]!.calledMs <= earliestMs);
  }

  /** Those that are left, in short: the first one, and which after it are taken. */
  function remaining(): string {
    const first = taken.indexOf(0);
    const later: number[] = [];
    for (let i = first + 1; i < taken.length; i++) if (taken[i]) later.push(i);
    return `${first}:${later.join()}`;
  }
}

function describe<Value>(stuck: Operation<Value>[], value: Value, done: number, required: number): string {
  const seen = stuck.map(
    ({ kind, value, calledMs, answeredMs }) =>
      `${kind} ${value} [${calledMs.toFixed(1)}, ${answeredMs.toFixed(1)}]`,
  );
  return `after ${done} of ${required} operations the value is ${value}, and none of these fits: ${seen.join("; ")}`;
}
