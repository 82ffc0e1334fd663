import pg from "pg";
import { createBatcher } from "./batcher.ts";
import type { ServerAddress } from "./server-addresses.ts";

/** A place in the write-ahead log of one history of the database. */
export interface Position {
  system: string;
  timeline: number;
  /** Bytes from its beginning. */
  at: number;
}

/** One streaming replica, as this process sees it. */
export interface Replica {
  readonly address: ServerAddress;
  readonly pool: pg.Pool;
  /** Why nothing is read from it; undefined while it is in use. */
  problem(): string | undefined;
  /** How far it was behind when it was looked at last; undefined when it did not say. */
  lagBytes(): number | undefined;
  /**
   * Whether it has replayed everything up to a position, or does so in a moment. That holds for connections that were
   * made before: a server that restarts begins with an earlier position than it had.
   */
  reaches(position: Position): Promise<boolean>;
  /** Fires when it does not answer any more. */
  readonly gone: AbortSignal;
  /** Decides whether it is in use, given where the primary is now. */
  look(position: Position | undefined): Promise<void>;
  close(): Promise<void>;
}

/** How long a read waits for a replica that is a little behind. */
const patienceMs = 20;
/** How long it may take to catch up, or to answer, before it is left out. */
const lookMs = 500;

const stateQuery = `
  select pg_is_in_recovery() as replica, (pg_last_wal_replay_lsn() - '0/0')::text as replayed,
    (select system_identifier::text from pg_control_system()) as system,
    greatest((select received_tli from pg_stat_wal_receiver),
      (select timeline_id from pg_control_checkpoint())) as timeline`;

interface State {
  replica: boolean;
  replayed: string | null;
  system: string;
  timeline: number;
}

export function openReplica(address: ServerAddress, options: pg.PoolConfig): Replica {
  const pool = new pg.Pool({ ...options, connectionString: address.url });
  const asking = new pg.Pool({
    ...options,
    connectionString: address.url,
    max: 1,
    connectionTimeoutMillis: lookMs,
    query_timeout: lookMs,
  });
  for (const one of [pool, asking]) {
    one.on("connect", (client) => {
      client.on("error", () => {});
      forget();
    });
    one.on("error", () => {});
  }
  let gone = new AbortController();
  let problem: string | undefined = "it has not been looked at yet";
  let history: Pick<Position, "system" | "timeline"> | undefined;
  let replayed = -1;
  let connects = 0;
  let lag: number | undefined;

  /** A new connection may lead to a server that was restarted meanwhile, however fast. */
  function forget(): void {
    replayed = -1;
    connects++;
  }

  const askReplayed = createBatcher(async (asked: null[]) => {
    const asks = connects;
    const { rows } = await asking.query<{ at: string | null }>({
      name: "replayed",
      text: "select (pg_last_wal_replay_lsn() - '0/0')::text as at",
    });
    // Otherwise it is asked again, now that the connection is there.
    if (asks === connects) replayed = Math.max(replayed, Number(rows[0]!.at ?? -1));
    return asked.map(() => replayed);
  });

  async function within(position: Position, waitMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + waitMs;
    while (replayed < position.at) {
      if (performance.now() > deadlineMs) return false;
      await askReplayed(null);
    }
    return true;
  }

  function leaveOut(why: string): void {
    problem = why;
    history = undefined;
    replayed = -1;
  }

  async function look(position: Position | undefined): Promise<void> {
    if (!position) return;
    try {
      const { rows } = await asking.query<State>(stateQuery);
      const { replica, system, timeline, replayed: at } = rows[0]!;
      lag = Math.max(0, position.at - Number(at ?? 0));
      if (!replica) return leaveOut("it is no replica, but a primary of its own");
      if (system !== position.system) return leaveOut("it is a replica of another server");
      if (timeline !== position.timeline)
        return leaveOut(`it follows timeline ${timeline}, and the primary is on ${position.timeline}`);
      if (history?.timeline !== timeline) replayed = -1;
      if (!(await within(position, lookMs))) return leaveOut(`it is ${Math.ceil(lag / 1024)} kB behind`);
      history = { system, timeline };
      problem = undefined;
    } catch (error) {
      lag = undefined;
      leaveOut(`it does not answer: ${(error as Error).message}`);
      gone.abort(new Error("the replica does not answer"));
      gone = new AbortController();
    }
  }

  return {
    address,
    pool,
    problem: () => problem,
    lagBytes: () => lag,
    async reaches(position) {
      if (problem || history?.timeline !== position.timeline || history.system !== position.system)
        return false;
      return within(position, patienceMs).catch(() => false);
    },
    get gone() {
      return gone.signal;
    },
    look,
    async close() {
      gone.abort(new Error("closing"));
      await Promise.all([pool.end(), asking.end()]);
    },
  };
}
