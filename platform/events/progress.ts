import type { Pool } from "pg";
import type { Logger } from "../observe/log.ts";

/** A group that does not get on. */
export interface StalledGroup {
  group: string;
  /** Age of the oldest event that it has not handled. */
  seconds: number;
  /** Members of it that are alive. */
  members: number;
}

export interface ProgressWatch {
  /** Groups in which a partition has stood still, before an event that waits, for `stalledMs`. */
  stalled(): StalledGroup[];
  stop(): Promise<void>;
}

/**
 * Rows of a partition that are looked at for one that concerns the group: whoever is alive passes the others within
 * seconds, and the log of a group for which nobody works may be long.
 */
const lookedAt = 500;
const mostEveryMs = 10_000;

/**
 * Watches whether every group of consumers gets on, wherever they run. One that is far behind but moves is not stalled;
 * one for which nobody works is, once there is anything that it has not passed. Says so in the log, once each.
 */
export function watchProgress(pool: Pool, options: { log: Logger; stalledMs: number }): ProgressWatch {
  const { log, stalledMs } = options;
  const stalledOf = noteStanding(stalledMs);
  let stalled: StalledGroup[] = [];
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
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
      looking ??= look()
        .catch((error) => log.debug({ err: error }, "could not look how far consumers are"))
        .finally(() => {
          looking = undefined;
        });
    },
    Math.min(mostEveryMs, stalledMs / 4),
  );
  return {
    stalled: () => stalled,
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** A partition in which events wait for a group. */
export interface Waiting extends StalledGroup {
  partition: number;
  position: string;
}

/** Remembers where partitions stand, from look to look; tells the groups in which one has stood still for long. */
export function noteStanding(stalledMs: number): (waiting: Waiting[], nowMs: number) => StalledGroup[] {
  let seen = new Map<string, { position: string; sinceMs: number }>();
  return (waiting, nowMs) => {
    const standing: typeof seen = new Map();
    const stalled = new Map<string, StalledGroup>();
    for (const { group, partition, position, seconds, members } of waiting) {
      const name = `${group} ${partition}`;
      const before = seen.get(name);
      const sinceMs = before?.position === position ? before.sinceMs : nowMs;
      standing.set(name, { position, sinceMs });
      if (seconds * 1000 < stalledMs || nowMs - sinceMs < stalledMs) continue;
      stalled.set(group, { group, seconds: Math.max(seconds, stalled.get(group)?.seconds ?? 0), members });
    }
    seen = standing;
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
        select count(*)::int as members from events.member
        where group_name = g.group_name and expires_at > now()
      ) m
      join events.consumer c on c.group_name = g.group_name
      cross join lateral (
        select min(at) as oldest from (
          select at, type from events.log
          where partition = c.partition and position > c.position order by position limit $1
        ) next where m.members = 0 or type = any(g.types)
      ) w
      where w.oldest is not null`,
    values: [lookedAt],
  });
  return rows;
}
