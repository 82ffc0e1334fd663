import { waitBriefly } from "../answers.ts";
import type { SubscribedLog } from "../log/log-source.ts";
import type { PartitionBatch, PartitionState } from "./partition-state.ts";

/** A read under way, and from where it reads each partition. */
interface Read {
  from: ReadonlyMap<PartitionState, number>;
  ended: Promise<void>;
  batches?: PartitionBatch[];
  error?: unknown;
}

/**
 * Reads a log without waiting for long. What comes later is given to the next call, which waits no more; until then
 * there is nothing, and no second read begins. `onLate` is called when it has come.
 */
export function patientRead(log: SubscribedLog, onLate: () => void): SubscribedLog["read"] {
  let underWay: Read | undefined;

  function begin(states: PartitionState[], limits: number[]): Read {
    const read: Read = {
      from: new Map(states.map((state) => [state, state.position])),
      ended: log.read(states, limits).then(
        (batches) => {
          read.batches = batches;
        },
        (error) => {
          read.error = error;
        },
      ),
    };
    return read;
  }

  return async (states, limits) => {
    const nothing = () => states.map((state) => ({ state, rows: [], end: state.position }));
    const isLate = underWay !== undefined;
    underWay ??= begin(states, limits);
    const read = underWay;
    if (!isLate) await waitBriefly(read.ended);
    const { from, batches, error, ended } = read;
    if (!batches && error === undefined) {
      if (!isLate) void ended.then(onLate);
      return nothing();
    }
    underWay = undefined;
    if (!batches) throw error;
    if (!isLate) return batches;
    // Meanwhile a partition can have been lost, or moved by an operator.
    const valid = new Map(
      batches.filter(({ state }) => from.get(state) === state.position).map((one) => [one.state, one]),
    );
    return nothing().map((none) => valid.get(none.state) ?? none);
  };
}
