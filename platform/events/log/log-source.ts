import type { Offset } from "../consumer/offsets.ts";
import type { PartitionBatch, PartitionState } from "../consumer/partition-state.ts";
import type { Partition } from "../partitions.ts";

/** What a member of a group reads: events of these types, in the partitions that it holds at the moment. */
export interface Subscription {
  types: readonly string[];
  partitions(): Iterable<number>;
}

export interface SubscribedLog {
  /** The next rows of each partition, at most as many as its limit, with its position after them. */
  read(states: PartitionState[], limits: number[]): Promise<PartitionBatch[]>;
  unsubscribe(): void;
}

/** Where the groups of a process get the events of one database, its origin, from. */
export interface LogSource {
  readonly origin: string;
  /** Up to here there are events to be had. It only grows. */
  position(): number;
  /** Calls `notify` whenever it has grown; returns a function that ends this. */
  watch(notify: () => void): () => void;
  subscribe(subscription: Subscription): SubscribedLog;
  /** Those that there are now. */
  partitions(): Promise<readonly Partition[]>;
  /** Their number, as far as it is known without asking. */
  partitionCount(): number;
  /** The position after everything that is committed now, where a group begins that wants only what is new. */
  end(): Promise<number>;
  /** For tests: whether there are committed events of these types after these offsets. */
  hasAfter(offsets: Offset[], types: string[]): Promise<boolean>;
}
