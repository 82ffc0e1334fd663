import type { Pool } from "pg";
import type { ProcessLease } from "../../lease/process-lease.ts";

/** The state of a group, for one of its members. */
export interface GroupView {
  /** The leases of the other live members. */
  members: string[];
  /** How many partitions there are, of all origins. */
  partitions: number;
  /** How many partitions are ours, and the sum of their terms. A partition that is taken or reset changes it. */
  owned: number;
  terms: number;
  /** The sum of what is stored of ours. */
  positions: number;
  /** The group is registered. An operator may have had it forgotten just before this member joined. */
  known: boolean;
  /** There are dead letters to replay. */
  replay: boolean;
}

/** The groups that this process consumes for. */
export interface Membership {
  /** Joins a group; from then on `onView` is called with every heartbeat. */
  join(group: string, onView: (view: GroupView) => void): Promise<void>;
  leave(group: string): Promise<void>;
  stop(): void;
}

/** A heartbeat costs one query, however many groups there are, and it writes nothing. */
export function createMembership(pool: Pool, lease: ProcessLease): Membership {
  const joined = new Map<string, (view: GroupView) => void>();
  /** The lease with which each group was joined. */
  const joinedWith = new Map<string, string>();

  async function enter(group: string): Promise<void> {
    await lease.taken();
    const { id } = lease;
    await pool.query(
      `with dead as (
         delete from events.member m
         where group_name = $1 and not exists (select from lease.process where id = m.id)
       )
       insert into events.member (group_name, id) values ($1, $2) on conflict do nothing`,
      [group, id],
    );
    joinedWith.set(group, id);
  }

  async function look(groups: string[]): Promise<void> {
    if (groups.length === 0) return;
    for (const group of groups) if (joinedWith.get(group) !== lease.id) await enter(group);
    const { rows } = await pool.query<GroupView & { group: string }>({
      name: "events-membership",
      text: `
        select g.name as group, o.partitions, o.owned, o.terms, o.positions,
          array(
            select m.id::text from events.member m join lease.process p on p.id = m.id
            where m.group_name = g.name and m.id <> $2
          ) as members,
          exists (select from events.consumer_group where group_name = g.name) as known,
          exists (select from events.dead where group_name = g.name and replay) as replay
        from unnest($1::text[]) g(name) cross join lateral (
          select count(*)::int as partitions, count(*) filter (where owner = $2)::int as owned,
            coalesce(sum(term) filter (where owner = $2), 0)::float8 as terms,
            coalesce(sum(position) filter (where owner = $2), 0)::float8 as positions
          from events.consumer where group_name = g.name
        ) o`,
      values: [groups, lease.id],
    });
    for (const { group, ...view } of rows) joined.get(group)?.(view);
  }

  const end = lease.onHeartbeat(() => look([...joined.keys()]));
  return {
    async join(group, onView) {
      if (joined.has(group)) throw new Error(`this process consumes for ${group} already`);
      await enter(group);
      joined.set(group, onView);
      await look([group]).catch((error) => {
        // So that a retry is not taken for a second consumer.
        joined.delete(group);
        throw error;
      });
    },
    async leave(group) {
      joined.delete(group);
      joinedWith.delete(group);
      await pool.query("delete from events.member where group_name = $1 and id = $2", [group, lease.id]);
    },
    stop: end,
  };
}
