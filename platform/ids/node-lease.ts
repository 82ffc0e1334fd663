import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import { createSnowflake, type Ids, maxNodes } from "./snowflake.ts";

/** How far ahead of the clock ids are promised; what a process that dies may have used at most. */
const reserveMs = 30_000;

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
};

export interface LeasedIds extends Ids {
  readonly node: number;
  release(): Promise<void>;
}

/**
 * Leases a node number by compare-and-swap, the one unused for longest first, and makes ids with it. A clock
 * set back while nothing ran repeats no ids and puts none before older ones; only after a process was killed
 * may ids of another number be older by as much as the clock was set back, when that is less than the time
 * reserved ahead. Errors: NO_NODE_LEFT, NODE_LEASE_LOST.
 */
export async function leaseIds(
  pool: Pool,
  options: { log: Logger; nowMs?: () => number; leaseMs?: number; renewMs?: number },
): Promise<LeasedIds> {
  const { log, nowMs = Date.now, leaseMs = 30_000, renewMs = 5_000 } = options;
  const owner = randomUUID();
  let { node, floorMs } = await takeNode(pool, owner, leaseMs, nowMs);
  if (floorMs > nowMs()) log.warn({ aheadMs: floorMs - nowMs() }, "the clock was set back; ids go on");
  let snowflake = createSnowflake({ node, floorMs, nowMs });
  let promisedMs = 0;
  let renewedAtMs = Number.NEGATIVE_INFINITY;
  let released = false;

  async function renew(): Promise<void> {
    const reservedMs = Math.max(nowMs(), snowflake.usedMs()) + reserveMs;
    const startedAtMs = performance.now();
    const renewed = await pool.query(
      `update ids.node_lease set leased_until = now() + $3 * interval '1 ms', reserved_ms = greatest(reserved_ms, $4)
       where node = $1 and owner = $2`,
      [node, owner, leaseMs, reservedMs],
    );
    if (released) return;
    if (renewed.rowCount === 0) {
      // We were away for longer than the lease and somebody else has the number now: another one will do.
      renewedAtMs = Number.NEGATIVE_INFINITY;
      ({ node, floorMs } = await takeNode(pool, owner, leaseMs, nowMs));
      log.warn({ node }, "the node number was lost; going on with another");
      snowflake = createSnowflake({ node, floorMs: Math.max(floorMs, snowflake.usedMs()), nowMs });
      return renew();
    }
    promisedMs = reservedMs;
    renewedAtMs = startedAtMs;
  }
  await renew();
  let renewing: Promise<void> | undefined;
  const timer = setInterval(() => {
    renewing ??= renew()
      .catch((error) => log.error({ err: error }, "could not renew the node lease"))
      .finally(() => {
        renewing = undefined;
      });
  }, renewMs);

  return {
    get node() {
      return node;
    },
    next(afterMs = 0) {
      // Past its lease another process may hold the number; past the promise a restart might repeat ids.
      if (
        released ||
        performance.now() - renewedAtMs > leaseMs - renewMs ||
        Math.max(nowMs(), afterMs) >= promisedMs
      ) {
        throw refusal("NODE_LEASE_LOST");
      }
      return snowflake.next(afterMs);
    },
    async release() {
      released = true;
      clearInterval(timer);
      await renewing;
      await pool.query(
        `update ids.node_lease set owner = null, leased_until = '-infinity', reserved_ms = $3 where node = $1 and owner = $2`,
        [node, owner, snowflake.usedMs()],
      );
    },
  };
}

/** Takes a number and tells from when on it may make ids (Unix milliseconds). */
async function takeNode(pool: Pool, owner: string, leaseMs: number, nowMs: () => number) {
  const taken = await pool.query<{ node: number; own_ms: string; used_ms: string; newest_ms: string }>(
    `update ids.node_lease set owner = $1, leased_until = now() + $2 * interval '1 ms'
     where node = (
       select node from ids.node_lease where leased_until < now()
       order by reserved_ms, node limit 1 for update skip locked
     )
     returning node, reserved_ms as own_ms,
       (select coalesce(max(reserved_ms), 0) from ids.node_lease where owner is null) as used_ms,
       (select max(reserved_ms) from ids.node_lease) as newest_ms`,
    [owner, leaseMs],
  );
  const row = taken.rows[0];
  if (!row) {
    throw refusal("NO_NODE_LEFT", { max: maxNodes });
  }
  const newestMs = Number(row.newest_ms);
  // Others reserve ahead of the clock, so only what is further ahead shows that it was set back; were what they
  // reserve always the floor, every start would run ahead of the last.
  const setBack = newestMs - reserveMs > nowMs();
  return { node: row.node, floorMs: Math.max(Number(row.own_ms), setBack ? newestMs : Number(row.used_ms)) };
}
