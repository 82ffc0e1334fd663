import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { partitionCount } from "./partitions.ts";

/** A partition that this member of a group has. */
export interface Lease {
  readonly partition: number;
  readonly term: string;
  /** Everything up to here is handled. Can be ahead of the stored position by events of types that the group does not read. */
  position: number;
  storedPosition: number;
}

export interface Leases<L extends Lease> {
  held: Map<number, L>;
  /** Renews the membership and counts the other live members; returns whether there are dead letters to replay. */
  heartbeat(): Promise<boolean>;
  /** Stores positions, drops lost partitions, gives back those above our share and acquires free ones up to it. */
  rebalance(): Promise<void>;
  /** Gives all partitions back and leaves the group. */
  release(): Promise<void>;
}

/**
 * Spreads the partitions of a group evenly over its live members. Each change of owner is a compare-and-swap, and
 * commits are fenced by the term, so that a member that was wrongly taken for dead does no harm. Only the loop that
 * handles events calls `rebalance`, so a partition is never given back while its events are being handled.
 */
export function createLeases<L extends Lease>(
  pool: Pool,
  group: string,
  leaseMs: number,
  wrap: (lease: Lease) => L,
): Leases<L> {
  const id = randomUUID();
  const held = new Map<number, L>();
  let share = 0;

  async function storePositions(): Promise<void> {
    const moved = [...held.values()].filter((lease) => lease.position > lease.storedPosition);
    if (moved.length === 0) return;
    const targets = moved.map((lease) => lease.position);
    await pool.query(
      `update events.consumer c set position = m.position
       from unnest($2::int2[], $3::int8[], $4::int8[]) as m(partition, term, position)
       where c.group_name = $1 and c.partition = m.partition and c.term = m.term and c.position < m.position`,
      [group, moved.map((lease) => lease.partition), moved.map((lease) => lease.term), targets],
    );
    moved.forEach((lease, i) => {
      lease.storedPosition = targets[i]!;
    });
  }

  async function refresh(): Promise<void> {
    const { rows } = await pool.query<{ partition: number; term: string; position: string }>(
      "select partition, term, position from events.consumer where group_name = $1 and owner = $2",
      [group, id],
    );
    const mine = new Map(rows.map((row) => [row.partition, row]));
    for (const lease of held.values()) {
      const stored = mine.get(lease.partition);
      if (stored?.term !== lease.term) {
        held.delete(lease.partition);
        continue;
      }
      // Can be ahead of ours: a commit succeeded, but its answer was lost with the connection.
      lease.storedPosition = Number(stored.position);
      lease.position = Math.max(lease.position, lease.storedPosition);
    }
  }

  async function giveBack(leases: Lease[]): Promise<void> {
    if (leases.length === 0) return;
    for (const { partition } of leases) held.delete(partition);
    await pool.query(
      `update events.consumer set owner = null, term = term + 1
       where group_name = $1 and owner = $2 and partition = any($3::int2[])`,
      [group, id, leases.map((lease) => lease.partition)],
    );
  }

  async function acquire(count: number): Promise<void> {
    const { rows } = await pool.query<{ partition: number; position: string; term: string }>(
      `update events.consumer c set owner = $2, term = term + 1
       where c.group_name = $1 and c.partition in (
         select partition from events.consumer
         where group_name = $1 and partition <> all($3::int2[]) and (
           owner is null or owner = $2
           or owner not in (select id from events.member where group_name = $1 and expires_at > now())
         )
         order by partition limit $4 for update skip locked
       )
       returning partition, position, term`,
      [group, id, [...held.keys()], count],
    );
    for (const { partition, position, term } of rows) {
      const at = Number(position);
      held.set(partition, wrap({ partition, term, position: at, storedPosition: at }));
    }
  }

  return {
    held,
    async heartbeat() {
      const { rows } = await pool.query<{ members: string[]; replay: boolean }>(
        `with gone as (
           delete from events.member where group_name = $1 and expires_at < now() - interval '1 minute'
         ), me as (
           insert into events.member (group_name, id, expires_at) values ($1, $2, now() + $3 * interval '1 ms')
           on conflict (group_name, id) do update set expires_at = excluded.expires_at
         )
         select
           array(select id::text from events.member where group_name = $1 and expires_at > now() and id <> $2) as members,
           exists (select from events.dead where group_name = $1 and replay) as replay`,
        [group, id, leaseMs],
      );
      const { members, replay } = rows[0]!;
      const rank = members.filter((other) => other < id).length;
      share = Math.floor((partitionCount + members.length - rank) / (members.length + 1));
      return replay;
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
      await pool.query("delete from events.member where group_name = $1 and id = $2", [group, id]);
    },
  };
}
