import type { Pool } from "pg";
import { refusal } from "../errors/reasons.ts";
import type { ProcessLease } from "../lease/process-lease.ts";
import type { Logger } from "../observe/log.ts";
import { createSnowflake, type Ids, maxNodes } from "./snowflake.ts";

/** How far ahead of the clock ids are promised; what a process that dies may have used at most. */
const maxReserveMs = 30_000;

export const migrations = {
  "0001-node-lease": `
    create table ids.node_lease (
      node int primary key,
      owner uuid,
      leased_until timestamptz not null default '-infinity',
      -- No id of this node is newer than this.
      reserved_ms int8 not null default 0
    );
    insert into ids.node_lease (node) select generate_series(0, ${maxNodes - 1});
  `,
  "0002-lease-of-the-process": `
    -- The owner is a process in lease.process; the number is free when that one has ended.
    alter table ids.node_lease drop column leased_until;
  `,
};

export interface LeasedIds extends Ids {
  readonly node: number;
  release(): Promise<void>;
}

/**
 * Takes a node number by compare-and-swap, the one unused for longest first, and makes ids with it. The number is kept by
 * the lease of the process. Ids are made up to a time that is reserved in the database, and the next owner of the number
 * begins there, so two owners never make the same id, even when one was wrongly taken for dead. A clock set back while
 * nothing ran repeats no ids and puts none before older ones. Only after a process was killed may ids of another number
 * be older by as much as the clock was set back, when that is less than the time reserved ahead. Errors: NO_NODE_LEFT,
 * NODE_LEASE_LOST.
 */
export async function leaseIds(
  pool: Pool,
  options: { lease: ProcessLease; log: Logger; nowMs?: () => number; reserveMs?: number },
): Promise<LeasedIds> {
  const { lease, log, nowMs = Date.now, reserveMs = maxReserveMs } = options;
  await lease.taken();
  let owner = lease.id;
  let { node, floorMs } = await takeNode(pool, owner, nowMs);
  if (floorMs > nowMs()) log.warn({ aheadMs: floorMs - nowMs() }, "the clock was set back; ids go on");
  let snowflake = createSnowflake({ node, floorMs, nowMs });
  let promisedMs = 0;
  let released = false;

  async function reserve(): Promise<void> {
    const reservedMs = Math.max(nowMs(), snowflake.usedMs()) + reserveMs;
    const reserved = await pool.query(
      "update ids.node_lease set reserved_ms = greatest(reserved_ms, $3) where node = $1 and owner = $2",
      [node, owner, reservedMs],
    );
    if (released) return;
    if (reserved.rowCount === 0) return takeAnother();
    promisedMs = reservedMs;
  }

  /** Our lease was lost, and somebody else may have the number now. */
  async function takeAnother(): Promise<void> {
    owner = lease.id;
    const before = node;
    promisedMs = 0;
    ({ node, floorMs } = await takeNode(pool, owner, nowMs));
    log.warn({ node, before }, "the node number was lost; going on with another");
    snowflake = createSnowflake({ node, floorMs: Math.max(floorMs, snowflake.usedMs()), nowMs });
    return reserve();
  }
  await reserve();

  let reserving: Promise<void> | undefined;
  const endHeartbeat = lease.onHeartbeat(() => {
    const isDue = promisedMs - Math.max(nowMs(), snowflake.usedMs()) < (reserveMs * 2) / 3;
    reserving = owner !== lease.id ? takeAnother() : isDue ? reserve() : undefined;
    return reserving ?? Promise.resolve();
  });

  return {
    get node() {
      return node;
    },
    next(afterMs = 0) {
      if (released || Math.max(nowMs(), afterMs) >= promisedMs) throw refusal("NODE_LEASE_LOST");
      return snowflake.next(afterMs);
    },
    async release() {
      released = true;
      endHeartbeat();
      await reserving?.catch(() => {});
      await pool.query(
        "update ids.node_lease set owner = null, reserved_ms = $3 where node = $1 and owner = $2",
        [node, owner, snowflake.usedMs()],
      );
    },
  };
}

/**
 * For a database that may have gone back: no number makes ids of a time that has been, since it may have made those
 * already.
 */
export async function raiseFloor(pool: Pool, nowMs = Date.now()): Promise<void> {
  await pool.query("update ids.node_lease set reserved_ms = greatest(reserved_ms, $1)", [nowMs]);
}

/** Takes a number and tells from when on it may make ids (Unix milliseconds). */
async function takeNode(pool: Pool, owner: string, nowMs: () => number) {
  const taken = await pool.query<{ node: number; own_ms: string; used_ms: string; newest_ms: string }>(
    `update ids.node_lease set owner = $1
     where node = (
       select node from ids.node_lease n
       where owner is null or not exists (select from lease.process where id = n.owner)
       order by reserved_ms, node limit 1 for update skip locked
     )
     returning node, reserved_ms as own_ms,
       (select coalesce(max(reserved_ms), 0) from ids.node_lease where owner is null) as used_ms,
       (select max(reserved_ms) from ids.node_lease) as newest_ms`,
    [owner],
  );
  const row = taken.rows[0];
  if (!row) {
    throw refusal("NO_NODE_LEFT", { max: maxNodes });
  }
  const newestMs = Number(row.newest_ms);
  // Others reserve ahead of the clock, so only what is further ahead shows that it was set back; were what they
  // reserve always the floor, every start would run ahead of the last.
  const setBack = newestMs - maxReserveMs > nowMs();
  return { node: row.node, floorMs: Math.max(Number(row.own_ms), setBack ? newestMs : Number(row.used_ms)) };
}
