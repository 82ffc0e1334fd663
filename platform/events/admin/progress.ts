import type { Pool } from "pg";
import type { Logger } from "../../observe/log.ts";

/** A group that makes no progress. */
export interface StalledGroup {
  group: string;
  /** Age of the oldest event that it has not handled. */
  seconds: number;
  /** Number of its live members. */
  members: number;
}

export interface ProgressWatch {
  /** Groups in which a partition has not moved for `stalledMs` although an event waits in it. */
  stalled(): StalledGroup[];
  stop(): Promise<void>;
}

/**
 * How many rows of a partition are searched for one that the group reads. A live member passes the others within
 * seconds, and the backlog of a group without members can be long.
 */
const rowsExamined = 500;
const minIntervalMs = 10_000;

/**
 * Watches the progress of every consumer group, in whichever process its members run. A group that is far behind but
 * moves is not stalled. A group without members is, as soon as it has a backlog. Each change is logged once.
 */
export function watchProgress(pool: Pool, options: { log: Logger; stalledMs: number }): ProgressWatch {
  const { log, stalledMs } = options;
  const stalledOf = trackStalls(stalledMs);
  let stalled: StalledGroup[] = [];
  let checking: Promise<void> | undefined;

  async function check(): Promise<void> {
    const found = stalledOf(await waitingPartitions(pool), performance.now());
    const among = (groups: StalledGroup[], name: string) => groups.some(({ group }) => group === name);
    for (const state of found)
      if (!among(stalled, state.group)) log.warn(state, "a group of consumers does not get on");
    for (const { group } of stalled)
      if (!among(found, group)) log.warn({ group }, "a group of consumers gets on again");
    stalled = found;
  }

  const timer = setInterval(
    () => {
      checking ??= check()
        .catch((error) => log.debug({ err: error }, "could not look how far consumers are"))
        .finally(() => {
          checking = undefined;
        });
    },
    Math.min(minIntervalMs, stalledMs / 4),
  );
  return {
    stalled: () => stalled,
    async stop() {
      clearInterval(timer);
      await checking;
    },
  };
}

/** A partition in which events wait for a group. */
export interface Waiting extends StalledGroup {
  partition: number;
  position: string;
}

/** Remembers the positions from check to check; returns the groups in which one has not moved for `stalledMs`. */
export function trackStalls(stalledMs: number): (waiting: Waiting[], nowMs: number) => StalledGroup[] {
  let seen = new Map<string, { position: string; sinceMs: number }>();
  return (waiting, nowMs) => {
    const current: typeof seen = new Map();
    const stalled = new Map<string, StalledGroup>();
    for (const { group, partition, position, seconds, members } of waiting) {
      const name = `${group} ${partition}`;
      const before = seen.get(name);
      const sinceMs = before?.position === position ? before.sinceMs : nowMs;
      current.set(name, { position, sinceMs });
      if (seconds * 1000 < stalledMs || nowMs - sinceMs < stalledMs) continue;
      stalled.set(group, { group, seconds: Math.max(seconds, stalled.get(group)?.seconds ?? 0), members });
    }
    seen = current;
    return [...stalled.values()];
  };
}

async function waitingPartitions(pool: Pool): Promise<Waiting[]> {
  const { rows } = await pool.query<Waiting>({
    name: "events-progress",
    text: `
      select c.group_name as group, c.partition, c.position, m.members,
        extract(epoch from now() - w.oldest)::float8 as seconds
      from events.consumer_group g
      cross join lateral (
        select count(*)::int as members from events.member m join lease.process p on p.id = m.id
        where m.group_name = g.group_name and p.expires_at > now()
      ) m
      join events.consumer c on c.group_name = g.group_name
      cross join lateral (
        select min(at) as oldest from (
          select at, type from events.log
          where partition = c.partition and position > c.position order by position limit $1
        ) next where m.members = 0 or type = any(g.types)
      ) w
      where w.oldest is not null`,
    values: [rowsExamined],
  });
  return rows;
}
