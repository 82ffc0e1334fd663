import pg from "pg";
import type { Logger } from "../observe/log.ts";
import { createBatcher } from "./batcher.ts";
import { openReplica, type Position, type Replica } from "./replica.ts";
import type { ServerAddress } from "./server-addresses.ts";

export interface ReplicaState {
  host: string;
  port: number;
  problem: string | undefined;
  lagBytes: number | undefined;
}

/** The replicas of a database. */
export interface Replicas {
  /**
   * One to read from, and where the primary is now: over a connection of a replica that has replayed so much
   * (`Replica.reaches`), nothing is read that is older than this question (docs/adr/0021). Undefined when there is none.
   */
  choose(): Promise<{ replica: Replica; position: Position } | undefined>;
  states(): ReplicaState[];
  close(): Promise<void>;
}

/** A replica that lags or dies is left out within a second. */
const lookEveryMs = 300;
const askMs = 2_000;

const positionQuery = {
  name: "position",
  text: `
    select (pg_current_wal_flush_lsn() - '0/0')::text as at,
      ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int as timeline`,
};

/** `primary` are the options of a pool whose connections lead to the primary. */
export function openReplicas(
  addresses: ServerAddress[],
  options: { primary: pg.PoolConfig; replica: pg.PoolConfig; log: Logger },
): Replicas {
  const { primary, replica: replicaOptions, log } = options;
  const replicas = addresses.map((address) => openReplica(address, replicaOptions));
  // A connection of its own: the answer must not wait for the statements of others.
  const asking = new pg.Pool({ ...primary, max: 1, query_timeout: askMs });
  asking.on("connect", (client) => client.on("error", () => {}));
  asking.on("error", () => {});
  let system: string | undefined;
  let next = 0;

  const position = createBatcher(async (asked: null[]): Promise<Position[]> => {
    system ??= (
      await asking.query<{ system: string }>(
        "select system_identifier::text as system from pg_control_system()",
      )
    ).rows[0]!.system;
    const { rows } = await asking.query<{ at: string; timeline: number }>(positionQuery);
    const found = { system, at: Number(rows[0]!.at), timeline: rows[0]!.timeline };
    return asked.map(() => found);
  });

  let looking: Promise<unknown> | undefined;
  function look(): void {
    looking ??= lookAtAll().finally(() => {
      looking = undefined;
    });
  }
  async function lookAtAll(): Promise<void> {
    const now = await position(null).catch(() => undefined);
    await Promise.all(replicas.map((replica) => lookAt(replica, now)));
  }
  async function lookAt(replica: Replica, now: Position | undefined): Promise<void> {
    const before = replica.problem();
    await replica.look(now);
    const problem = replica.problem();
    if ((problem === undefined) === (before === undefined)) return;
    const { host, port } = replica.address;
    if (problem) log.warn({ host, port, problem }, "a replica of the database is left out");
    else log.info({ host, port }, "a replica of the database is read from");
  }
  const timer = setInterval(look, lookEveryMs).unref();
  look();

  return {
    async choose() {
      const live = replicas.filter((replica) => replica.problem() === undefined);
      if (live.length === 0) return undefined;
      const replica = live[next++ % live.length]!;
      // What keeps this from being known is the primary's own trouble, which the statement will meet.
      const now = await position(null).catch(() => undefined);
      return now && { replica, position: now };
    },
    states: () =>
      replicas.map(({ address: { host, port }, problem, lagBytes }) => ({
        host,
        port,
        problem: problem(),
        lagBytes: lagBytes(),
      })),
    async close() {
      clearInterval(timer);
      await looking;
      await Promise.all([asking.end(), ...replicas.map((replica) => replica.close())]);
    },
  };
}
