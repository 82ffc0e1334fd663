import pg from "pg";
import type { ServerAddress } from "./server-addresses.ts";

/** What a server says of itself. */
export interface ServerState {
  /** It takes writes. */
  primary: boolean;
  /** Of all the servers that are copies of each other. */
  system: string;
  /** Of a primary: it grows with each promotion. */
  timeline: number;
}

export interface ServerFailure {
  error: Error & { code?: string };
  /** It did not answer in time; otherwise there is no server, or it does not let us in. */
  silent: boolean;
}

/** Asks one server again and again, over one connection. */
export interface ServerProbe {
  readonly address: ServerAddress;
  /** What it says, or why it says nothing. */
  ask(timeoutMs: number): Promise<ServerState | ServerFailure>;
  close(): Promise<void>;
}

const stateQuery = `
  select not pg_is_in_recovery() as primary,
    (select system_identifier::text from pg_control_system()) as system,
    case when pg_is_in_recovery() then 0
      else ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int end as timeline`;

export function probeServer(address: ServerAddress, name: string): ServerProbe {
  let connected: Promise<pg.Client> | undefined;

  function connect(timeoutMs: number): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: address.url,
      connectionTimeoutMillis: timeoutMs,
      application_name: name,
    });
    const opening = client.connect().then(() => client);
    client.on("error", () => {
      if (connected === opening) connected = undefined;
    });
    return opening;
  }

  async function ask(timeoutMs: number): Promise<ServerState | ServerFailure> {
    connected ??= connect(timeoutMs);
    const mine = connected;
    try {
      const client = await mine;
      const query = { text: stateQuery, query_timeout: timeoutMs } as pg.QueryConfig;
      return (await client.query<ServerState>(query)).rows[0]!;
    } catch (thrown) {
      if (connected === mine) connected = undefined;
      drop(mine);
      const error = thrown as ServerFailure["error"];
      return { error, silent: /timeout/.test(error.message) };
    }
  }

  return {
    address,
    ask,
    async close() {
      const mine = connected;
      connected = undefined;
      if (mine) drop(mine);
    },
  };
}

/** Not its `end`, which waits for a server that may be silent. */
function drop(opening: Promise<pg.Client>): void {
  opening.then(
    (client) => (client as unknown as { connection: pg.Connection }).connection.stream.destroy(),
    () => {},
  );
}
