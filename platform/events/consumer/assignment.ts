import type { Pool } from "pg";
import type { ProcessLease } from "../../lease/process-lease.ts";
import { partitionCount } from "../partitions.ts";
import type { GroupView } from "./membership.ts";

/** A partition that this member of a group has. */
export interface AssignedPartition {
  readonly partition: number;
  readonly term: string;
  /** Everything up to here is handled. Can be ahead of the stored position by events of types that the group does not read. */
  position: number;
  storedPosition: number;
}

export interface Assignment<P extends AssignedPartition> {
  held: Map<number, P>;
  /** Takes note of the state of the group; returns whether `rebalance` has something to do. */
  update(view: GroupView): boolean;
  /** Stores positions, drops lost partitions, gives back those above our share and acquires free ones up to it. */
  rebalance(): Promise<void>;
  /** Gives all partitions back. */
  release(): Promise<void>;
}

/**
 * Spreads the partitions of a group evenly over its live members. A partition is marked with the lease of the member's
 * process, and free when that has ended. Each change of owner is a compare-and-swap, and commits are fenced by the term,
 * so that a member that was wrongly taken for dead does no harm. Only the loop that handles events calls `rebalance`, so
 * a partition is never given back while its events are being handled.
 */
export function createAssignment<P extends AssignedPartition>(
  pool: Pool,
  group: string,
  lease: ProcessLease,
  wrap: (partition: AssignedPartition) => P,
): Assignment<P> {
  const held = new Map<number, P>();
  let share = 0;

  const moved = () => [...held.values()].filter((one) => one.position > one.storedPosition);

  async function storePositions(): Promise<void> {
    const unstored = moved();
    if (unstored.length === 0) return;
    const targets = unstored.map((one) => one.position);
    await pool.query(
      `update events.consumer c set position = m.position
       from unnest($2::int2[], $3::int8[], $4::int8[]) as m(partition, term, position)
       where c.group_name = $1 and c.partition = m.partition and c.term = m.term and c.position < m.position`,
      [group, unstored.map((one) => one.partition), unstored.map((one) => one.term), targets],
    );
    unstored.forEach((one, i) => {
      one.storedPosition = targets[i]!;
    });
  }

  async function refresh(): Promise<void> {
    const { rows } = await pool.query<{ partition: number; term: string; position: string }>(
      "select partition, term, position from events.consumer where group_name = $1 and owner = $2",
      [group, lease.id],
    );
    const mine = new Map(rows.map((row) => [row.partition, row]));
    for (const one of held.values()) {
      const stored = mine.get(one.partition);
      if (stored?.term !== one.term) {
        held.delete(one.partition);
        continue;
      }
      // Can be ahead of ours: a commit succeeded, but its answer was lost with the connection.
      one.storedPosition = Number(stored.position);
      one.position = Math.max(one.position, one.storedPosition);
    }
  }

  async function giveBack(partitions: AssignedPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    for (const { partition } of partitions) held.delete(partition);
    await pool.query(
      `update events.consumer set owner = null, term = term + 1
       where group_name = $1 and owner = $2 and partition = any($3::int2[])`,
      [group, lease.id, partitions.map(({ partition }) => partition)],
    );
  }

  async function acquire(count: number): Promise<void> {
    const { rows } = await pool.query<{ partition: number; position: string; term: string }>(
      `update events.consumer c set owner = $2, term = term + 1
       where c.group_name = $1 and c.partition in (
         select partition from events.consumer
         where group_name = $1 and partition <> all($3::int2[]) and (
           owner is null or owner = $2 or not exists (select from lease.process where id = owner)
         )
         order by partition limit $4 for update skip locked
       )
       returning partition, position, term`,
      [group, lease.id, [...held.keys()], count],
    );
    for (const { partition, position, term } of rows) {
      const at = Number(position);
      held.set(partition, wrap({ partition, term, position: at, storedPosition: at }));
    }
  }

  return {
    held,
    update({ members, owned, terms }) {
      const rank = members.filter((other) => other < lease.id).length;
      share = Math.floor((partitionCount + members.length - rank) / (members.length + 1));
      const heldTerms = [...held.values()].reduce((sum, { term }) => sum + Number(term), 0);
      const changed = owned !== held.size || terms !== heldTerms;
      return changed || held.size !== share || moved().length > 0;
    },
    async rebalance() {
      await storePositions();
      await refresh();
      await giveBack([...held.values()].slice(share));
      if (held.size < share) await acquire(share - held.size);
    },
    async release() {
      await storePositions();
      await giveBack([...held.values()]);
    },
  };
}
