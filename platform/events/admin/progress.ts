import type { Pool } from "pg";
import type { Logger } from "../../observe/log.ts";
import { readOrigin } from "../log/table-source.ts";

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
 * Watches the progress of every consumer group of a database, in whichever process its members run, with the events of
 * `elsewhere`, the other databases. A group that is far behind but
 * moves is not stalled. A group without members is, as soon as it has a backlog. Each change is logged once.
 */
export function watchProgress(
  pool: Pool,
  options: { log: Logger; elsewhere?: () => readonly Pool[]; stalledMs: number },
): ProgressWatch {
  const { log, elsewhere = () => [], stalledMs } = options;
  const stalledOf = trackStalls(stalledMs);
  let stalled: StalledGroup[] = [];
  let checking: Promise<void> | undefined;

  async function check(): Promise<void> {
    const found = stalledOf(await waitingPartitions(pool, [pool, ...elsewhere()]), performance.now());
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
  origin: string;
  partition: number;
  position: string;
}

/** Remembers the positions from check to check; returns the groups in which one has not moved for `stalledMs`. */
export function trackStalls(stalledMs: number): (waiting: Waiting[], nowMs: number) => StalledGroup[] {
  let seen = new Map<string, { position: string; sinceMs: number }>();
  return (waiting, nowMs) => {
    const current: typeof seen = new Map();
    const stalled = new Map<string, StalledGroup>();
    for (const { group, origin, partition, position, seconds, members } of waiting) {
      const name = `${group} ${origin} ${partition}`;
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

/** Where events of these logs wait for groups of a database. */
async function waitingPartitions(pool: Pool, logs: readonly Pool[]): Promise<Waiting[]> {
  const found = await Promise.all(
    logs.map((log) =>
      waitingIn(log, pool).catch((error) => {
        if (log === pool) throw error;
        // That another database is away is seen elsewhere.
        return [];
      }),
    ),
  );
  return found.flat();
}

async function waitingIn(log: Pool, pool: Pool): Promise<Waiting[]> {
  const origin = await readOrigin(log);
  const { rows: offsets } = await pool.query<Omit<Waiting, "seconds"> & { types: string[] }>({
    name: "events-progress-offsets",
    text: `
      select c.group_name as group, g.types, c.partition, c.position, c.origin, m.members
      from events.consumer_group g
      cross join lateral (
        select count(*)::int as members from events.member m join lease.process p on p.id = m.id
        where m.group_name = g.group_name and p.expires_at > now()
      ) m
      join events.consumer c on c.group_name = g.group_name and c.origin = $1
      -- Whoever waits for its parent is not stalled: the parent is, if it is.
      where c.parent is null or c.since <= (
        select p.position from events.consumer p
        where p.group_name = c.group_name and p.origin = c.origin and p.partition = c.parent
      )`,
    values: [origin],
  });
  const { rows } = await log.query<{ n: number; seconds: number }>({
    name: "events-progress",
    text: `
      select c.n, extract(epoch from now() - w.oldest)::float8 as seconds
      from jsonb_to_recordset($1) as c(n int, types text[], "partition" int2, "position" int8, members int)
      cross join lateral (
        select min(at) as oldest from (
          select at, type from events.log
          where partition = c.partition and position > c.position order by position limit $2
        ) next where c.members = 0 or type = any(c.types)
      ) w
      where w.oldest is not null`,
    values: [JSON.stringify(offsets.map((offset, n) => ({ ...offset, n }))), rowsExamined],
  });
  return rows.map(({ n, seconds }) => ({ ...offsets[n]!, seconds }));
}
