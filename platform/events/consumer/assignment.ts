import type { Pool } from "pg";
import type { ProcessLease } from "../../lease/process-lease.ts";
import type { GroupView } from "./membership.ts";

/** A partition that this member of a group has. */
export interface AssignedPartition {
  /** The database whose events they are. */
  readonly origin: string;
  readonly partition: number;
  readonly term: string;
  /** Everything up to here is handled. Can be ahead of the stored position by events of types that the group does not read. */
  position: number;
  storedPosition: number;
}

export interface Assignment<P extends AssignedPartition> {
  /** By `nameOf`. */
  held: Map<string, P>;
  /** Takes note of the state of the group; returns whether `rebalance` has something to do. */
  update(view: GroupView): boolean;
  /** Stores positions, drops lost partitions, gives back those above our share and acquires free ones up to it. */
  rebalance(): Promise<void>;
  /** Gives all partitions back. */
  release(): Promise<void>;
}

function nameOf({ origin, partition }: { origin: string; partition: number }): string {
  return `${origin} ${partition}`;
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
  const held = new Map<string, P>();
  let share = 0;
  /** As of the last view. */
  let before = { terms: 0, positions: 0 };

  const moved = () => [...held.values()].filter((one) => one.position > one.storedPosition);

  async function storePositions(): Promise<void> {
    const unstored = moved();
    if (unstored.length === 0) return;
    const targets = unstored.map((one) => one.position);
    await pool.query(
      `update events.consumer c set position = m.position
       from unnest($2::uuid[], $3::int2[], $4::int8[], $5::int8[], $6::int8[]) as m(origin, partition, term, position, stored)
       where c.group_name = $1 and c.origin = m.origin and c.partition = m.partition and c.term = m.term
         and c.position >= m.stored and c.position < m.position`,
      [
        group,
        ...columnsOf(unstored),
        unstored.map((one) => one.term),
        targets,
        unstored.map((one) => one.storedPosition),
      ],
    );
  }

  async function refresh(): Promise<void> {
    const { rows } = await pool.query<StoredPartition>(
      "select origin, partition, term, position from events.consumer where group_name = $1 and owner = $2",
      [group, lease.id],
    );
    const mine = new Map(rows.map((row) => [nameOf(row), row]));
    for (const [name, one] of held) {
      const stored = mine.get(name);
      if (stored?.term !== one.term) {
        held.delete(name);
        continue;
      }
      const position = Number(stored.position);
      // It can be ahead of ours: a commit succeeded, but its answer was lost with the connection. And behind: a replica was
      // promoted that had not got our last commits, so what those did has to be done again.
      one.position = position < one.storedPosition ? position : Math.max(one.position, position);
      one.storedPosition = position;
    }
  }

  async function giveBack(partitions: AssignedPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    for (const one of partitions) held.delete(nameOf(one));
    await pool.query(
      `update events.consumer set owner = null, term = term + 1
       where group_name = $1 and owner = $2
         and (origin, partition) in (select * from unnest($3::uuid[], $4::int2[]))`,
      [group, lease.id, ...columnsOf(partitions)],
    );
  }

  async function acquire(count: number): Promise<void> {
    const { rows } = await pool.query<StoredPartition>(
      `update events.consumer c set owner = $2, term = term + 1
       where c.group_name = $1 and (c.origin, c.partition) in (
         select origin, partition from events.consumer free
         where group_name = $1 and (origin, partition) not in (select * from unnest($3::uuid[], $4::int2[])) and (
           owner is null or owner = $2 or not exists (select from lease.process where id = owner)
         ) and (
           -- Of a partition that was split, what is in the parent comes first.
           parent is null or since <= (
             select p.position from events.consumer p
             where p.group_name = $1 and p.origin = free.origin and p.partition = free.parent
           )
         )
         -- So a member has as many of one origin as of another, and of a busy one no more than its share.
         order by partition, origin limit $5 for update skip locked
       )
       returning origin, partition, position, term`,
      [group, lease.id, ...columnsOf([...held.values()]), count],
    );
    for (const { position, ...row } of rows) {
      const at = Number(position);
      held.set(nameOf(row), wrap({ ...row, position: at, storedPosition: at }));
    }
  }

  return {
    held,
    update({ members, partitions, owned, terms, positions }) {
      const rank = members.filter((other) => other < lease.id).length;
      share = Math.floor((partitions + members.length - rank) / (members.length + 1));
      const all = [...held.values()];
      const heldTerms = all.reduce((sum, { term }) => sum + Number(term), 0);
      // What was stored by the last view is there, unless a replica was promoted that had not got it.
      const wentBack = before.terms === terms && positions < before.positions;
      before = { terms: heldTerms, positions: all.reduce((sum, one) => sum + one.storedPosition, 0) };
      const changed = owned !== held.size || terms !== heldTerms || wentBack;
      return changed || held.size !== share || moved().length > 0;
    },
    async rebalance() {
      await storePositions();
      await refresh();
      await giveBack([...held.values()].sort(byPartition).slice(share));
      if (held.size < share) await acquire(share - held.size);
    },
    async release() {
      await storePositions();
      await giveBack([...held.values()]);
    },
  };
}

/** Those that are given back come last, as many of one origin as of another. */
function byPartition(one: AssignedPartition, other: AssignedPartition): number {
  return one.partition - other.partition || (one.origin < other.origin ? -1 : 1);
}

interface StoredPartition {
  origin: string;
  partition: number;
  position: string;
  term: string;
}

function columnsOf(partitions: readonly AssignedPartition[]): [string[], number[]] {
  return [partitions.map(({ origin }) => origin), partitions.map(({ partition }) => partition)];
}
