import { randomUUID } from "node:crypto";
import pg, { type QueryResultRow } from "pg";
import type { Logger } from "../observe/log.ts";

/** Between two heartbeats at most. The lease itself may need to be renewed less often. */
const maxBeatMs = 2_000;
/** What others want of this process is then only what operators' commands do. */
const maxBeatAloneMs = 3_000;

/**
 * Tells the other processes on a database that this one is alive. Whatever a process holds (a node number, partitions, a
 * job) is marked with the id of its lease, so one heartbeat keeps all of it. The database's clock decides when a lease
 * has expired. Then the first process that sees it removes the row, and what the dead one held is free. An id that was
 * removed never comes back: a process that was only thought dead goes on under a new id, and takes again what is free.
 */
export interface ProcessLease {
  /** Changes when the lease was lost. */
  readonly id: string;
  /** Resolves when the lease is in the database. Nothing may be marked with its id before. */
  taken(): Promise<void>;
  /** Since when others have had to take this process for alive without a break (performance.now); undefined if not now. */
  heldSinceMs(): number | undefined;
  /** Number of other live processes, as of the last renewal. */
  others(): number;
  /** Calls `act` with every heartbeat, one call at a time; returns a function that ends this. */
  onHeartbeat(act: () => Promise<void>): () => void;
  /** Frees what is still marked with the id. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  log: Logger;
  /** How long after its last renewal a process is taken for dead. */
  leaseMs?: number;
  /** No other process can be alive, because the data folder is locked. So those that are left over are dead. */
  alone?: boolean;
  /** Between two heartbeats. */
  beatMs?: number;
}

export function startLease(pool: pg.Pool, options: LeaseOptions): ProcessLease {
  const { log, alone = false } = options;
  const { leaseMs = alone ? 30_000 : 6_000 } = options;
  const { beatMs = Math.min(alone ? maxBeatAloneMs : maxBeatMs, leaseMs / 3) } = options;
  /** A renewal whose answer takes this long is given up, so that the next one comes before the lease is over. */
  const answerTimeoutMs = Math.max(500, leaseMs / 2);
  const acts = new Set<() => void>();
  // A connection of its own: a pool that much work has filled does not make the process look dead.
  const own = new pg.Pool({
    ...pool.options,
    max: 1,
    connectionTimeoutMillis: answerTimeoutMs,
    query_timeout: answerTimeoutMs,
  });
  own.on("connect", (client) => client.on("error", () => {}));
  own.on("error", () => {});
  const query = <Row extends QueryResultRow>(text: string, values: unknown[]) => own.query<Row>(text, values);
  let id = randomUUID();
  let others = 0;
  let renewedAtMs: number | undefined;
  let heldSinceMs: number | undefined;
  let graceUntilMs = 0;
  let renewing: Promise<void> | undefined;

  /** Renews the row of this process and removes those that have expired. */
  async function renew(): Promise<void> {
    const startedAtMs = performance.now();
    // After an outage every lease has expired. The others get the time to renew theirs.
    if (renewedAtMs !== undefined && startedAtMs - renewedAtMs > leaseMs)
      graceUntilMs = startedAtMs + leaseMs;
    const { rows } = await query<{ renewed: boolean; others: number }>(
      `with dead as (
         delete from lease.process where $3 and id = any(array(
           select id from lease.process where expires_at <= now() and id <> $1 for update skip locked
         ))
       ), own as (
         update lease.process set expires_at = now() + $2 * interval '1 ms' where id = $1 returning id
       )
       select exists (select from own) as renewed,
         (select count(*)::int from lease.process where expires_at > now() and id <> $1) as others`,
      [id, leaseMs, startedAtMs >= graceUntilMs],
    );
    others = rows[0]!.others;
    if (!rows[0]!.renewed) await begin();
    if (renewedAtMs === undefined || startedAtMs - renewedAtMs > leaseMs || !rows[0]!.renewed)
      heldSinceMs = performance.now();
    renewedAtMs = startedAtMs;
  }

  async function begin(): Promise<void> {
    const first = renewedAtMs === undefined;
    const fresh = first ? id : randomUUID();
    await query(
      `with dead as (delete from lease.process where $3)
       insert into lease.process (id, expires_at, knows_splits) values ($1, now() + $2 * interval '1 ms', true)`,
      [fresh, leaseMs, first && alone],
    );
    if (first && alone) others = 0;
    if (!first)
      log.warn({ lost: id, lease: fresh }, "the lease of this process was lost; it goes on with a new one");
    id = fresh;
  }

  function renewOnce(): Promise<void> {
    renewing ??= renew().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function beat(): Promise<void> {
    const isDue = renewedAtMs === undefined || performance.now() - renewedAtMs > leaseMs / 3 - beatMs / 2;
    if (isDue)
      await renewOnce().catch((error) =>
        log.warn({ err: error }, "could not renew the lease of this process"),
      );
    for (const act of acts) act();
  }
  const timer = setInterval(beat, beatMs);

  let released: Promise<void> | undefined;
  async function release(): Promise<void> {
    clearInterval(timer);
    acts.clear();
    await renewing?.catch(() => {});
    await query("delete from lease.process where id = $1", [id]).finally(() => own.end());
  }

  return {
    get id() {
      return id;
    },
    async taken() {
      if (renewedAtMs === undefined) await renewOnce();
    },
    heldSinceMs: () =>
      renewedAtMs !== undefined && performance.now() - renewedAtMs < leaseMs ? heldSinceMs : undefined,
    others: () => others,
    onHeartbeat(act) {
      let acting = false;
      const once = () => {
        if (acting) return;
        acting = true;
        act()
          .catch((error) => log.warn({ err: error }, "could not do what a heartbeat is for"))
          .finally(() => {
            acting = false;
          });
      };
      acts.add(once);
      return () => acts.delete(once);
    },
    release() {
      released ??= release();
      return released;
    },
  };
}
