import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { DomainError } from "../errors/domain-error.ts";
import type { Logger } from "../observe/log.ts";
import { createSnowflake, type Ids, maxNodes } from "./snowflake.ts";

const leaseMs = 30_000;
const renewMs = 5_000;
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
  node: number;
  release(): Promise<void>;
}

/**
 * Leases a node number by compare-and-swap, the one unused for longest first, and makes ids with it. The
 * newest time any node has reserved is the floor of the new one, so that a clock set back while nothing ran
 * neither repeats ids nor puts them before older ones. Errors: NO_NODE_LEFT, NODE_LEASE_LOST.
 */
export async function leaseIds(
  pool: Pool,
  options: { log: Logger; nowMs?: () => number },
): Promise<LeasedIds> {
  const nowMs = options.nowMs ?? Date.now;
  const owner = randomUUID();
  const taken = await pool.query<{ node: number; own_ms: string; newest_ms: string }>(
    `update ids.node_lease set owner = $1, leased_until = now() + $2 * interval '1 ms'
     where node = (
       select node from ids.node_lease where leased_until < now()
       order by reserved_ms, node limit 1 for update skip locked
     )
     returning node, reserved_ms as own_ms, (select max(reserved_ms) from ids.node_lease) as newest_ms`,
    [owner, leaseMs],
  );
  const row = taken.rows[0];
  if (!row) {
    throw new DomainError(
      "unavailable",
      "NO_NODE_LEFT",
      `All ${maxNodes} node numbers are in use. Stop a process or wait half a minute for the leases of dead ones to end.`,
    );
  }
  const floorMs = Math.max(Number(row.own_ms), Number(row.newest_ms) - reserveMs, 0);
  if (floorMs > nowMs())
    options.log.warn({ aheadMs: floorMs - nowMs() }, "the clock was set back; ids go on");
  const snowflake = createSnowflake({ node: row.node, floorMs, nowMs });
  let promisedMs = 0;
  let renewedAtMs = performance.now();

  async function renew(): Promise<void> {
    const reservedMs = Math.max(nowMs(), snowflake.usedMs()) + reserveMs;
    const startedAtMs = performance.now();
    const renewed = await pool.query(
      `update ids.node_lease set leased_until = now() + $3 * interval '1 ms', reserved_ms = greatest(reserved_ms, $4)
       where node = $1 and owner = $2`,
      [row!.node, owner, leaseMs, reservedMs],
    );
    if (renewed.rowCount === 0)
      throw new DomainError("unavailable", "NODE_LEASE_LOST", "Another process took our node number.");
    promisedMs = reservedMs;
    renewedAtMs = startedAtMs;
  }
  await renew();
  const timer = setInterval(() => {
    renew().catch((error) => options.log.error({ err: error }, "could not renew the node lease"));
  }, renewMs);

  return {
    node: row.node,
    next() {
      // Past its lease another process may hold the number; past the promise a restart might repeat ids.
      if (performance.now() - renewedAtMs > leaseMs - renewMs || nowMs() > promisedMs) {
        throw new DomainError(
          "unavailable",
          "NODE_LEASE_LOST",
          "The database cannot be reached to renew the node number.",
          1000,
        );
      }
      return snowflake.next();
    },
    async release() {
      clearInterval(timer);
      await pool.query(
        `update ids.node_lease set owner = null, leased_until = '-infinity', reserved_ms = $3 where node = $1 and owner = $2`,
        [row.node, owner, snowflake.usedMs()],
      );
    },
  };
}
